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
