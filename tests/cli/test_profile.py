"""``zkc profile``, the order in which settings win, and secrets that stay secret."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from zkc.cli._exit import CommandError
from zkc.cli._settings import resolve
from zkc.testing import ZooKeeperServer

PASSWORD = "s3cret-word"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / ".config" / "zkc" / "config.toml"


def secret(path: Path, mode: int = 0o600) -> Path:
    path.write_text(f"{PASSWORD}\n", encoding="utf-8")
    path.chmod(mode)
    return path


def written(config: Path, text: str) -> dict[str, str]:
    """Write the file of the profiles, and return an environment that names it."""
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(text, encoding="utf-8")
    return {"ZKC_CONFIG": str(config)}


def test_profiles_are_added_listed_chosen_and_removed(cli, cli_environment, hosts, config):
    del cli_environment["ZKC_SERVERS"]
    assert cli("profile", "ls").out == b""
    cli("profile", "add", "test", "-s", hosts, "--timeout", "8", "--default")
    cli("profile", "add", "prod", "-s", "zk1:2181/app", "--read-only", "--confirm", "name", "--prompt-color", "red")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    assert cli("profile", "ls").lines == ["prod\tno\tzk1:2181/app\tyes\tno", f"test\tyes\t{hosts}\tno\tno"]
    listed = cli("profile", "ls", "--json").json
    assert listed[0]["members"] == {"servers": "zk1:2181/app", "read_only": True, "confirm": "name", "color": "red"}
    tested = cli("profile", "test", "--json").json
    assert (tested["profile"], tested["servers"], tested["state"]) == ("test", hosts, "connected")
    cli("ls", "/")  # By the default.
    cli("profile", "use", "prod")
    assert cli("profile", "use").lines == ["prod"]
    cli("profile", "rm", "prod")
    assert cli("profile", "use", code=1).out == b""
    assert cli("profile", "ls").lines == [f"test\tno\t{hosts}\tno\tno"]


def test_a_change_keeps_comments_and_the_rest(cli, config):
    before = "# The ensembles.\n\n[profile.old]  # since 2019\nservers = 'zk0:2181'\n"
    written(config, before)
    cli("profile", "add", "new", "-s", "zk1:2181")
    text = config.read_text(encoding="utf-8")
    assert text.startswith(before)
    assert '[profile.new]\nservers = "zk1:2181"' in text
    cli("profile", "use", "old")
    assert "# since 2019" in config.read_text(encoding="utf-8")
    assert cli("profile", "use").lines == ["old"]


def test_mistakes_of_profiles_are_told(cli, config):
    cli("profile", "add", "one", "-s", "zk1:2181")
    assert "--replace" in cli("profile", "add", "one", "-s", "zk2:2181", code=4).err
    cli("profile", "add", "one", "-s", "zk2:2181", "--replace", "--dry-run")
    assert "zk1" in config.read_text()
    assert "--servers" in cli("profile", "add", "two", code=2).err
    assert "confirm" in cli("profile", "add", "two", "-s", "zk1", "--confirm", "bogus", code=2).err
    assert "'--ca': it is empty" in cli("profile", "add", "two", "-s", "zk1", "--ca", "", code=2).err
    assert "admin_port must be a port" in cli("profile", "add", "two", "-s", "zk", "--admin-port", "8080,", code=2).err
    cli("profile", "add", "two", "-s", "zk1,zk2", "--admin-port", "8080,8081", "--dry-run")
    assert "letters" in cli("profile", "add", "a/b", "-s", "zk1", code=2).err
    assert "which has: one" in cli("profile", "rm", "two", code=2).err
    assert cli("-p", "two", "ls", "/", "--json", code=2).error["error"] == "no_profile"
    written(config, "[profile.one]\nserver = 'zk1'\n")
    assert "has 'server'; the members are servers," in cli("-p", "one", "ls", "/", code=2).err
    written(config, "[profile")
    assert cli("profile", "ls", "--json", code=2).error["error"] == "bad_config"
    assert cli("profile", "add", "one", "-s", "zk1", code=2).err.count("\n") == 1


def test_a_flag_wins_over_a_variable_over_a_profile_over_the_default(tmp_path):
    environment = written(tmp_path / "c.toml", "[profile.p]\nservers = 'profile:1'\ntimeout = 3\nread_only = true\n")
    assert resolve({}, environment=environment).servers == "localhost:2181"
    environment["ZKC_PROFILE"] = "p"
    assert resolve({}, environment=environment).servers == "profile:1"
    environment["ZKC_SERVERS"] = "variable:1"
    found = resolve({}, environment=environment)
    assert (found.servers, found.timeout, found.read_only, found.profile) == ("variable:1", 3.0, True, "p")
    environment.update(ZKC_TIMEOUT="4", ZKC_READ_ONLY="no")
    found = resolve({"servers": "flag:1"}, environment=environment)
    assert (found.servers, found.timeout, found.read_only) == ("flag:1", 4.0, False)
    assert resolve({"timeout": 5.0}, environment=environment).timeout == 5.0


def test_the_default_profile_is_behind_the_variable_and_the_flag(tmp_path):
    text = "default = 'a'\n[profile.a]\nservers = 'a:1'\n[profile.b]\nservers = 'b:1'\n[profile.c]\nservers = 'c:1'\n"
    environment = written(tmp_path / "c.toml", text)
    assert resolve({}, environment=environment).servers == "a:1"
    environment["ZKC_PROFILE"] = "b"
    assert resolve({}, environment=environment).servers == "b:1"
    assert resolve({"profile": "c"}, environment=environment).servers == "c:1"
    environment["ZKC_SERVERS"] = "variable:1"
    assert resolve({}, environment=environment).servers == "variable:1"
    assert resolve({"profile": "c"}, environment=environment).servers == "c:1"
    assert resolve({"profile": "c", "servers": "flag:1"}, environment=environment).servers == "flag:1"
    # A path prod:/a means that ensemble, whatever the command's own is.
    assert resolve({"servers": "flag:1"}, "a", environment=environment).servers == "a:1"


@pytest.mark.parametrize(("name", "value"), [("timeout", "soon"), ("read_only", "perhaps"), ("admin_port", "0")])
def test_a_malformed_variable_is_named(name, value):
    with pytest.raises(CommandError, match=name):
        resolve({}, environment={f"ZKC_{name.upper()}": value, "ZKC_CONFIG": "/none/config.toml"})


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ("servers = 'h:1/app'\nchroot = '/x'", "servers has the chroot /app, and chroot is /x"),
        ("confirm = 'bogus'", "confirm must be ask or name, not 'bogus'"),
        ("confirm = true", "confirm must be a text, not True"),
        ("color = 'nocolor'", "color must be black, red, "),
        ("read_only = ''", "read_only must be true or false, not ''"),
        ("tls = 2", "tls must be true or false, not 2"),
        ("servers = 5", "servers must be a text such as "),
        ("servers = ['127.0.0.1:2181']", "servers must be a text such as "),
        ("servers = ''", "servers must not be empty"),
        ("ca = ''", "ca must not be empty"),
        ("chroot = 3", "chroot must be a text, not 3"),
        ("timeout = 'abc'", "timeout must be a positive number, not 'abc'"),
        ("timeout = true", "timeout must be a positive number, not True"),
        ("session_timeout = nan", "session_timeout must be a positive number, not nan"),
        ("admin_port = [8080, 0]", "admin_port must be a port"),
        ("auth = [3]", "auth must be a text, not 3"),
        ("user = 7", "user must be a text, not 7"),
    ],
)
def test_a_member_that_cannot_be_so_is_named_with_its_file(tmp_path, members, fault):
    environment = written(tmp_path / "c.toml", f"[profile.p]\n{members}\n")
    for options, profile in (({"profile": "p", "timeout": 5.0, "servers": "x:1"}, None), ({}, "p")):
        with pytest.raises(CommandError) as caught:
            resolve(options, profile, environment=environment)
        assert caught.value.message.startswith(f"{environment['ZKC_CONFIG']}: the profile 'p': {fault}")
        assert (caught.value.exit_code, caught.value.name) == (2, "bad_config")


def test_members_have_the_values_that_they_may_have(tmp_path):
    text = "[profile.p]\nservers = 'h:1/app/'\nchroot = 'app'\nconfirm = 'name'\ncolor = 'red'\nread_only = true\n"
    environment = written(tmp_path / "c.toml", f"{text}timeout = 3\nadmin_port = [8080, 8081]\n")
    found = resolve({"profile": "p"}, environment=environment)
    assert (found.servers, found.confirm, found.prompt_color, found.read_only) == ("h:1/app", "name", "red", True)
    assert (found.timeout, found.admin_ports) == (3.0, (8080, 8081))


def test_an_empty_variable_is_none_and_an_empty_option_is_refused(tmp_path):
    environment = written(tmp_path / "c.toml", "default = 'p'\n[profile.p]\nservers = 'h:1'\nread_only = true\n")
    environment.update(ZKC_SERVERS="", ZKC_READ_ONLY="", ZKC_TIMEOUT="", ZKC_ADMIN_PORT="", ZKC_PROFILE="")
    found = resolve({}, environment=environment)
    assert (found.servers, found.read_only, found.timeout) == ("h:1", True, 10.0)
    for name in ("servers", "ca", "auth"):
        with pytest.raises(CommandError, match=f"{name} must not be empty .the option --{name}"):
            resolve({name: ""}, environment=environment)


def test_a_slash_at_the_end_of_a_chroot_counts_for_nothing(cli, client, hosts, tmp_path):
    client.create("/app")
    client.create("/app/child")
    assert cli("-s", f"{hosts}/app/", "ls", "/").lines == ["child"]
    cli("-s", f"{hosts.partition('/')[0]}/", "exists", "/")
    environment = written(tmp_path / "c.toml", "")
    for text, servers, chroot in (("h:1/", "h:1", "/"), ("h:1/a/b/", "h:1/a/b", "/a/b"), ("h:1/a", "h:1/a", "/a")):
        found = resolve({"servers": text}, environment=environment)
        assert (found.servers, found.chroot) == (servers, chroot)
    assert "must not end with '/'" in cli("-s", f"{hosts}/app//", "ls", "/", code=2).err
    environment.update(ZKC_SERVERS="h:1/app", ZKC_CHROOT="/x")
    with pytest.raises(CommandError, match="servers has the chroot /app, and chroot is /x"):
        resolve({}, environment=environment)


def test_a_read_only_profile_refuses_changes(cli, cli_environment, client, hosts):
    cli("profile", "add", "safe", "-s", hosts, "--read-only")
    cli_environment["ZKC_PROFILE"] = "safe"
    ended = cli("create", "/a", "-d", "x", "--json", code=9)
    assert ended.error["error"] == "read_only"
    assert "'safe'" in ended.error["message"]
    assert client.exists("/a") is None


def test_other_servers_do_not_have_the_name_of_the_profile(cli, hosts, client, open_terminal):
    """A question about a deletion names the ensemble that it is about."""
    client.create("/a")
    client.create("/a/b")
    cli("profile", "add", "harmless", "-s", "harmless:1", "--default")
    terminal = open_terminal("rm", "-r", "/a", "-s", hosts)
    terminal.see(r"Delete 2 znodes.* on 127\.0\.0\.1:")
    assert "harmless" not in terminal.raw
    terminal.type("n\r")
    assert terminal.wait() == 9
    cli("profile", "add", "ours", "-s", hosts)
    terminal = open_terminal("rm", "-r", "/a", "-p", "ours")
    terminal.see("Delete 2 znodes.* on ours")
    terminal.type("n\r")
    assert terminal.wait() == 9


def test_the_shell_has_the_name_of_the_ensemble_in_its_prompt(cli, hosts, client, open_terminal):
    cli("profile", "add", "harmless", "-s", "harmless:1", "--default")
    terminal = open_terminal("shell", "--color", "never", "-s", hosts)
    terminal.see("^zkc />")
    assert "harmless" not in terminal.raw
    terminal.type("exit\r")
    assert terminal.wait() == 0


def test_the_name_of_an_ensemble_is_that_of_its_profile(tmp_path):
    text = "default = 'p'\n[profile.p]\nservers = 'h:1'\nchroot = 'app'\n[profile.q]\nservers = 'h:2'\n"
    environment = written(tmp_path / "c.toml", text)
    assert resolve({}, environment=environment).name == "p"
    assert resolve({"servers": "h:1/app"}, environment=environment).name == "p"
    assert resolve({"servers": "h:1"}, environment=environment).name == "h:1"
    assert resolve({"servers": "x:1"}, "q", environment=environment).name == "q"
    environment["ZKC_SERVERS"] = "v:1"
    assert resolve({}, environment=environment).name == "v:1"
    assert resolve({"profile": "q"}, environment=environment).name == "q"


def test_a_refused_change_says_what_forbids_it(cli, cli_environment, hosts):
    cli("profile", "add", "open", "-s", hosts, "--default")
    assert "nothing was changed: --read-only was given" in cli("create", "/a", "--read-only", code=9).err
    assert "--read-only was given" in cli("cp", "/", "open:/a", "--read-only", code=9).err
    cli_environment["ZKC_READ_ONLY"] = "yes"
    assert "the variable ZKC_READ_ONLY is set" in cli("create", "/a", code=9).err
    cli_environment["ZKC_READ_ONLY"] = ""
    cli("profile", "add", "safe", "-s", hosts, "--read-only")
    assert "the profile 'safe' is read-only" in cli("create", "/a", "-p", "safe", code=9).err


def test_a_secret_file_that_others_can_read_is_refused(cli, hosts, tmp_path):
    """Scenario 32."""
    file = secret(tmp_path / "open", 0o644)
    for arguments in (
        ["--auth", f"digest:ann:{file}"],
        ["--sasl", "DIGEST-MD5", "--user", "ann", "--password-file", file],
    ):
        ended = cli("whoami", "--json", *map(str, arguments), code=9)
        assert ended.error["error"] == "secret_not_private"
        assert f"chmod 600 {file}" in ended.error["message"]
        cli("profile", "add", "p", "-s", hosts, *map(str, arguments), code=9)


def test_a_digest_profile_shows_its_password_nowhere(cli, start_cli, cli_environment, hosts, tmp_path, config):
    """Scenario 32."""
    file = secret(tmp_path / "ann")
    cli("profile", "add", "ann", "-s", hosts, "--auth", f"digest:ann:{file}")
    assert "digest\tann" in cli("-p", "ann", "whoami").lines
    shown = [config.read_text(encoding="utf-8")]
    for arguments in (
        ["profile", "ls", "--json"],
        ["profile", "test", "ann", "--json", "-v"],
        ["-p", "ann", "-v", "get", "/none"],
    ):
        ended = cli(*arguments, code=None) if "-v" not in arguments else _with_traceback(start_cli, *arguments)
        shown += [ended] if isinstance(ended, str) else [ended.text, ended.err]
    waiting = start_cli("-p", "ann", "-s", "127.0.0.1:1", "--timeout", "3", "-v", "whoami")
    shown.append(Path(f"/proc/{waiting.pid}/cmdline").read_text())
    shown += [each.decode() for each in waiting.communicate(timeout=30)]
    assert waiting.returncode == 6
    for text in shown:
        assert PASSWORD not in text
        assert "s3cret" not in text


def _with_traceback(start_cli, *arguments: str) -> str:
    """Return all output of a command that runs with -v: it may have a traceback."""
    out, err = start_cli(*arguments).communicate(timeout=30)
    return out.decode() + err.decode()


def test_a_sasl_profile_shows_its_password_nowhere(cli, start_cli, tmp_path):
    """Scenario 32."""
    file = secret(tmp_path / "bob")
    wrong = tmp_path / "wrong"
    wrong.write_text("s3cret-wrong\n")
    wrong.chmod(0o600)
    with ZooKeeperServer(sasl={"bob": PASSWORD}) as server:
        sasl = ["--sasl", "DIGEST-MD5", "--user", "bob", "--password-file"]
        cli("profile", "add", "bob", "-s", server.hosts, *sasl, str(file))
        assert json.loads(cli("-p", "bob", "whoami", "--json").out)[0]["user"] == "bob"
        text = _with_traceback(start_cli, "-s", server.hosts, *sasl, str(wrong), "-v", "whoami", "--timeout", "5")
        assert "s3cret" not in text
        ended = cli("-s", server.hosts, *sasl, str(wrong), "whoami", "--json", code=5)
        assert "s3cret" not in ended.err
    assert os.stat(file).st_mode & 0o777 == 0o600
