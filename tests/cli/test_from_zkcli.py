"""The page for users of zkCli.sh names every command that zkCli.sh 3.9 has, and commands and options that zkc has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from zkc.cli._options import GLOBAL
from zkc.cli._root import root
from zkc.cli._table import COMMANDS
from zkc.cli._zkcli import WORDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli" / "from_zkcli.md"
THEIRS = set(
    re.findall(
        r"\w+",
        "addauth addWatch close config connect create delete deleteall delquota get getAcl getAllChildrenNumber"
        " getEphemerals history listquota ls printwatches quit reconfig redo removewatches set setAcl setquota stat"
        " sync version whoami",
    )
)
ROWS = [line.strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
OURS = [command for _, ours in ROWS for command in re.findall(r"`(zkc [^`]+)`", ours)]


def test_every_command_of_zkcli_has_a_line():
    named = {re.match(r"[\w-]+", each)[0] for theirs, _ in ROWS for each in re.findall(r"`([^`]+)`", theirs)}
    assert named >= THEIRS


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_zkcli_is_explained_as_the_page_does(word):
    cells = [ours for theirs, ours in ROWS if word in re.findall(r"`([\w-]+)", theirs)]
    assert WORDS[word] in [cell.strip() for cell in cells]
    assert word not in COMMANDS


def test_a_word_of_zkcli_ends_with_the_command_of_zkc(cli):
    assert "`zkc rm -r PATH`" in cli("deleteall", "/x", code=2).err
    assert "`zkc acl get PATH`" in cli("getacl", "/x", code=2).err
    assert "--fresh" in cli("sync", "/", code=2).err
    told = cli("shell", "--keep-going", "-c", "rmr /x; addauth digest chris:geheim; exi; help deleteall", code=8).err
    assert told.count("`rm -r PATH`") == 2
    assert "`auth digest:USER:FILE`" in told
    assert "did you mean 'exit'" in told
    assert "geheim" not in told
    assert "command of zkc shell only" in cli("cd", "/x", code=2).err


@pytest.mark.parametrize("text", OURS)
def test_the_command_and_its_options_exist(text):
    words = shlex.split(text)[1:]
    taken = {name for option in GLOBAL for name in option.opts}
    while words and words[0].startswith("-"):
        assert words[0] in taken, words[0]
        words = words[2:] if words[0] in ("-s", "--session-timeout") else words[1:]
    if not words:
        return
    assert words[0] in COMMANDS
    context = click.Context(root)
    command = root.get_command(context, words[0])
    if isinstance(command, click.Group):
        command = command.get_command(context, words[1])
        assert command is not None, text
    taken |= {name for option in command.params for name in option.opts}
    assert {word for word in words if word.startswith("-")} <= taken


def test_a_fresh_read_sees_what_was_written_before(cli, client):
    client.create("/a", b"x")
    assert cli("get", "/a", "--fresh").out == b"x"
