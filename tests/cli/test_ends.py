"""How commands end: exit codes, one line of error, JSON errors, and a missing extra."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

import zkc
from zkc._version import __version__
from zkc.cli._errors import for_people


def test_the_version_is_printed(cli):
    assert cli("--version").text == f"zkc {__version__}\n"


def test_the_version_is_an_object_in_json(cli, cli_environment):
    version = {"name": "zkc", "version": __version__}
    for arguments in (["--json", "--version"], ["-V", "-o", "jsonl"], ["--version", "-qojson"],
                      ["--version", "-o", "plain", "--json"]):  # fmt: skip
        assert cli(*arguments).json == version
    assert cli("--json", "-V", "-o", "plain").text == f"zkc {__version__}\n"
    cli_environment["ZKC_JSON"] = "1"
    assert cli("--version").json == version


@pytest.mark.parametrize("json_options", [["--json"], ["-o", "json"], ["-ojsonl"], ["--output=json"], ["-qo", "jsonl"]])
def test_errors_of_the_arguments_are_json_wherever_it_is_asked_for(cli, json_options):
    """Also behind the argument that is wrong, when no option is parsed yet."""
    for wrong in (["ls", "--bogus"], ["whoamy"], ["--bogus"], ["acl", "bogus"], ["ls", "/a//b"], ["get"], ["lock"],
                  ["ls", "--sort", "bogus"], ["ls", "/", "more"]):  # fmt: skip
        for arguments in ([*json_options, *wrong], [*wrong, *json_options]):
            ended = cli(*arguments, code=2)
            assert ended.out == b""
            (line,) = ended.err.splitlines()
            assert json.loads(line)["error"] == "usage"


def test_the_last_form_counts_for_errors_too_and_no_word_of_another_command(cli, cli_environment):
    assert cli("ls", "--bogus", "--json", "-o", "plain", code=2).err.startswith("Usage: zkc ls")
    assert cli("lock", "/l", "--bogus", "--", "other", "--json", code=2).err.startswith("Usage: zkc lock")
    assert cli("lock", "/l", "no-such-command", "--json", code=127).err.startswith("zkc: error: ")
    cli_environment["ZKC_OUTPUT"] = "xml"
    assert cli("ls", "/", "--json", code=2).error["error"] == "usage"


def test_dry_runs_are_arrays_in_json(cli, cli_environment, client):
    cli_environment["VISUAL"] = """sh -c 'echo x > "$0"'"""
    client.create("/there", b'{"a": 1}')
    runs = {
        "run": [["lock", "/l", "true"], ["elect", "/l", "true"], ["semaphore", "-n", "1", "/l", "true"],
                ["find", "/there", "--exec", "true"]],
        "set": [["counter", "add", "/c"], ["counter", "set", "/c", "1"], ["quota", "set", "/there", "--count", "1"],
                ["touch", "/there"], ["set", "/there", "-d", "x"], ["json", "/there", ".a", "2"],
                ["edit", "/there"]],
        "set_acl": [["acl", "set", "/there", "open"], ["acl", "set", "-R", "/there", "open"]],
        "create": [["barrier", "create", "/b"], ["create", "/b"]],
        "delete": [["barrier", "open", "/there"], ["rm", "/there"], ["rm", "-r", "/there"],
                   ["find", "/there", "--delete"]],
        "bench": [["bench"]],
    }  # fmt: skip
    for action, commands in runs.items():
        for arguments in commands:
            (change,) = cli("--json", "--dry-run", *arguments).json
            assert change["action"] == action
            assert change["path"].startswith("/")
    assert cli("touch", "/missing", "--dry-run", "--json", code=3).out == b""
    assert cli("get", "/there").out == b'{"a": 1}'


def test_dry_runs_write_no_files(cli, client, tmp_path, cli_environment):
    client.create("/there", b"xyz")
    file = tmp_path / "file"
    (dumped,) = cli("dump", "/there", "-O", str(file), "-n", "--json").json
    assert (dumped["action"], dumped["file"], dumped["znodes"], dumped["bytes"]) == ("dump", str(file), 1, 3)
    assert cli("dump", "/there", "-O", "-", "-n").text == "would write 1 znodes to stdout\n"
    assert cli("dump", "/none", "-O", str(file), "-n", code=3).out == b""
    assert cli("get", "/there", "-O", str(file), "-n").text == f"would write {file}: 3 bytes\n"
    (snapshot,) = cli("snapshot", "-O", str(file), "-n", "--json").json
    assert (snapshot["action"], snapshot["file"]) == ("snapshot", str(file))
    cli_environment["ZKC_CONFIG"] = str(file)
    (added,) = cli("profile", "add", "one", "-s", "zk1", "-n", "--json").json
    assert (added["action"], added["profile"]) == ("add", "one")
    assert list(tmp_path.glob("file*")) == []
    cli("profile", "add", "one", "-s", "zk1")
    before = file.read_bytes()
    assert cli("profile", "use", "one", "-n").text == "would make the profile one the default\n"
    assert cli("profile", "use", "--none", "-n", "--json").json[0]["profile"] is None
    assert cli("profile", "rm", "one", "-n").text.startswith("would remove the profile one from ")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["get", "/", "--hex", "--base64"], "--hex and --base64 exclude each other"),
        (["wait", "/", "--exists", "--gone"], "--exists and --gone exclude each other"),
        (["lock", "--shared", "--exclusive", "/l", "--", "true"], "--shared and --exclusive exclude each other"),
    ],
)
def test_of_options_that_exclude_each_other_none_is_taken(cli, arguments, said):
    assert said in cli(*arguments, code=2).err
    assert cli("get", "/", "--hex", "--hex").out == b""
    assert cli("get", "--hex", "--base64", "--help").text.startswith("Usage: zkc get")


def test_an_array_is_whole_when_an_error_ends_the_command(start_cli, client):
    """The records until then, or nothing."""
    client.create("/app")
    client.create_many([f"/app/{each:05}" for each in range(5000)])
    process = start_cli("find", "/app", "--json")
    begin = process.stdout.read(200)
    process.send_signal(signal.SIGTERM)
    out = begin + process.stdout.read()
    assert 0 < len(json.loads(out)) < 5001
    assert json.loads(process.stderr.read().splitlines()[-1])["error"] == "terminated"
    assert process.wait(60) == 143


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


def test_an_error_has_no_names_of_python(cli, client, tmp_path):
    """It names the path as it was typed, and what to do as a command or an option."""
    client.create("/number", b"x\n")
    client.create("/closed", acl=[zkc.ACL.digest("bob", "secret")])
    large = tmp_path / "large"
    large.write_bytes(bytes(2_000_000))
    for arguments, code, begin in (
        (["counter", "get", "/number"], 4, "/number: the data are no number"),
        (["counter", "add", "/number"], 4, "/number: the data are no number"),
        (["acl", "set", "/number", "nothing:x:all"], 5, "/number: the servers refused this ACL; an entry is"),
        (["acl", "set", "/closed", "open"], 5, "/closed: "),
        (["set", "/number", "-f", str(large)], 2, "/number: the request has 2,000,0"),
        (["create", "/large", "-f", str(large)], 2, "/large: the request has 2,000,0"),
    ):
        err = cli(*arguments, code=code).err
        assert err.startswith(f"zkc: error: {begin}"), err
        for word in ("add_auth", "set_acl", "invalid literal", "max_data", "decode", "'/", "client"):
            assert word not in err.replace("close a connection", ""), err
    for servers, said in (
        ("http://zk1", "the servers must be 'host:port' without a scheme"),
        ("zk1,,zk2", "the servers must not have an empty entry"),
        ("zk1:99999", "the servers: the port must be from 1 to 65535"),
        ("zk1/a//b", "the servers: the chroot must not contain an empty name"),
    ):
        err = cli("-s", servers, "ls", "/", code=2).err
        assert err.startswith(f"zkc: error: {said}"), err
        assert "hosts" not in err
    assert "sends, and was not sent: servers close" in cli("set", "/number", "-f", str(large), code=2).err


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (zkc.AuthFailedError("add_auth: the servers refused", operation="add_auth"), "the servers refused"),
        (zkc.NoAuthError("set_acl '/t/a': not allowed", operation="set_acl", path="/t/a"), "/t/a: not allowed"),
        (ValueError("""set "/it's": too large"""), "/it's: too large"),
        (ValueError("nothing is 'here': so"), "nothing is 'here': so"),
    ],
)
def test_the_name_of_a_method_is_left_out_of_a_message(error, text):
    assert for_people(error) == text
