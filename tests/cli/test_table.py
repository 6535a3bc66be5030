"""The table of commands is true: each command exists, and its line is the first of its help."""

from __future__ import annotations

import click
import pytest

from zkc.cli._options import Command, Group
from zkc.cli._root import root
from zkc.cli._run import run
from zkc.cli._table import COMMANDS, SECTIONS

# `zkc lock` is a command and a group: without arguments those of the command are missing.
GROUPS = [[], *([name] for name in COMMANDS
                if getattr(root.get_command(click.Context(root), name), "no_args_is_help", False))]  # fmt: skip


def _name(group):
    return " ".join(["zkc", *group])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_is_that_of_its_help(name):
    command = root.get_command(click.Context(root), name)
    assert isinstance(command, (Command, Group))
    assert (command.help or "").partition("\n\n")[0].replace("\n", " ").strip() == COMMANDS[name].help


def test_options_for_the_same_have_the_same_names_in_all_commands():
    alike = ({"-r", "-R", "--recursive"}, {"-L", "--level", "--depth"})
    seen = 0
    for name in COMMANDS:
        command = root.get_command(click.Context(root), name)
        for each in (command, *getattr(command, "commands", {}).values()):
            for option in each.params:
                for names in alike:
                    if names & {opt for opt in option.opts if opt.startswith("--")}:
                        seen += 1
                        assert set(option.opts) == names, (name, each.name)
    assert seen > 12


def test_every_section_has_commands():
    assert {entry.section for entry in COMMANDS.values()} == set(SECTIONS)


@pytest.mark.parametrize(
    ("group", "word", "meant"),
    [
        ("acl", "ls", "did you mean 'get'?"),
        ("acl", "chek", "did you mean 'check'?"),
        ("quota", "list", "did you mean 'ls'?"),
        ("quota", "delete", "did you mean 'rm'?"),
        ("snap", "xyzzy", "it has "),
    ],
)
def test_an_unknown_word_of_a_group_ends_with_the_closest(cli, group, word, meant):
    assert f"zkc {group} has no command {word!r}: {meant}" in cli(group, word, code=2).err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_of_a_command_can_be_asked_for(cli, name):
    shown = cli(name, "--help").text
    assert shown.startswith(f"Usage: zkc {name} ")


@pytest.mark.parametrize("group", GROUPS, ids=_name)
def test_a_group_without_arguments_prints_its_help(group, cli):
    ended = cli(*group)
    assert (ended.out, ended.err) == (cli(*group, "--help").out, "")


@pytest.mark.parametrize("group", GROUPS, ids=_name)
def test_the_help_of_a_group_is_no_error_with_any_click(group, capsys, monkeypatch):
    parse = click.Group.parse_args

    def parse_as_since_8_2(self, ctx, args):
        if not args and self.no_args_is_help:
            raise click.UsageError(ctx.get_help(), ctx)
        return parse(self, ctx, args)

    monkeypatch.setattr(click.Group, "parse_args", parse_as_since_8_2)
    assert run(group) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"Usage: {_name(group)} ")
    assert printed.err == ""
