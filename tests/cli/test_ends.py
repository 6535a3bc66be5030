"""How commands end: exit codes, one line of error, JSON errors, and a missing extra."""

from __future__ import annotations

import subprocess
import sys

from zkc._version import __version__


def test_the_version_is_printed(cli):
    assert cli("--version").text == f"zkc {__version__}\n"


def test_an_unknown_command_is_a_usage_error_with_a_proposal(cli):
    ended = cli("whoamy", code=2)
    assert ended.out == b""
    assert "did you mean 'whoami'?" in ended.err


def test_without_a_server_a_command_ends_with_one_line(cli, cli_environment):
    """Scenario 1."""
    cli_environment["ZKC_SERVERS"] = "127.0.0.1:1"
    ended = cli("whoami", "--timeout", "1", code=6)
    assert ended.out == b""
    assert ended.err.count("\n") == 1
    assert "127.0.0.1:1" in ended.err
    assert cli("whoami", "--timeout", "1", "--json", code=6).error["error"] == "connect_timeout"


def test_without_the_extra_the_command_says_what_to_install():
    """Scenario 40."""
    program = "import sys; sys.modules['click'] = None; from zkc.cli import main; sys.exit(main(['ls', '/']))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "pip install 'zkc[cli]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_variables_stand_for_options(cli, cli_environment, client):
    client.create("/app")
    cli_environment.update(ZKC_DRY_RUN="1", ZKC_JSON="1", ZKC_YES="")
    cli("rm", "/app")
    assert client.exists("/app") is not None
    assert cli("ls", "/").json
    assert cli("ls", "/", "-o", "plain").text == "app\n"
    for name, value in (("OUTPUT", "xml"), ("YES", "perhaps"), ("DRY_RUN", "2")):
        before = cli_environment.get(f"ZKC_{name}", "")
        cli_environment[f"ZKC_{name}"] = value
        assert f"ZKC_{name} must be one of" in cli("rm", "/app", code=2).err
        cli_environment[f"ZKC_{name}"] = before
    assert client.exists("/app") is not None


def test_the_last_option_for_the_form_counts_and_an_empty_option_is_an_error(cli, client):
    client.create("/app")
    assert cli("ls", "/", "--json", "-o", "plain").text == "app\n"
    assert cli("ls", "/", "-o", "plain", "--json").json
    assert "it is empty" in cli("-p", "", "ls", "/", code=2).err
