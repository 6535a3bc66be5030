"""``zkc shell`` in a terminal: what Tab inserts, Ctrl-C, keys typed ahead, notices, and the history."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zkc.cli._table import SHELL_WORDS
from zkc.cli.programs._shell.helping import help_text
from zkc.cli.programs._shell.lines import has_credentials, parse, statements, unfinished
from zkc.cli.programs._words import escaped, split_words, words_of

AWKWARD = ["a b", "it's", "x;y", "$v", "#c", "p|q", "r&s", 'd"q', "b\\s", "g>h", "(i)", "-j", "k!", "*l", "end ", "ü"]


@pytest.fixture
def shell(open_terminal, cli_environment):
    """Return a function that starts a shell, and waits for its prompt."""
    cli_environment["ZKC_COMPLETION_TIMEOUT"] = "20"  # A busy machine answers later than in 0.3 s.

    def start(**options):
        terminal = open_terminal("shell", "--color", "never", **options)
        terminal.see("^zkc />$")
        return terminal

    return start


# ---- Tab ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_quoted_name_is_read_as_it_is(quote):
    for name in AWKWARD:
        line = f"get {quote}/app/{escaped(name, quote, history=False)}"
        assert unfinished(f"ls; {line}") == f" {line}"
        words, word = words_of(line)
        assert (words, word.value) == (["get"], f"/app/{name}")
        assert [parse(each).words for each in statements(f"{line}{quote} ; ls")] == [["get", f"/app/{name}"], ["ls"]]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ls; get /a", " get /a"),
        ("ls\nget 'a;b", "get 'a;b"),
        ("ls # no\nget", "get"),
        ("ls | wc; get", " get"),
        ("!ls\nget", "get"),
        ("ls | wc", None),
        ("ls > f", None),
        ("ls # no", None),
        ("!ls; no", None),
        ("ls; !no", None),
    ],
)
def test_the_statement_before_the_cursor(text, line):
    assert unfinished(text) == line


def test_the_words_of_a_line_are_those_of_a_posix_shell():
    assert split_words("set '' \"\\$a\\b\" c\\\nd e\\ f\"g\"'h'") == ["set", "", "$a\\b", "cd", "e fgh"]
    for wrong in ("get 'a", 'get "a', "get a\\"):
        with pytest.raises(ValueError, match=r"quotation|backslash"):
            split_words(wrong)


def test_tab_inserts_names_that_the_shell_reads_as_they_are(shell, client):
    """They were inserted as they are: `x;y` was two commands."""
    client.create("/app")
    for name in (*AWKWARD, "m\u2028n"):
        client.create(f"/app/{name}", b"data of " + name.encode())
    terminal = shell(columns=100)
    for typed, line, name in (
        ("get /app/a", r"get /app/a\ b", "a b"),
        ("get '/app/it", r"get '/app/it'\''s", "it's"),
        ('get "/app/\\$', r'get "/app/\$v', "$v"),
        (r"get /app/\#", r"get /app/\#c", "#c"),
        ("pwd; get '/app/x", "pwd; get '/app/x;y", "x;y"),
        ("cd /app; pwd", None, "/app"),
        ("get ./-", "get ./-j", "-j"),
    ):
        terminal.type(f"{typed}\t" if line else typed)
        terminal.see(f"> {re.escape(line or typed)}$")
        terminal.type("'\r" if "'" in typed else '"\r' if '"' in typed else "\r")
        terminal.see(f"^data of {re.escape(name)}$" if line else f"^{name}$")
    terminal.type("\x15cd /app/p\t")
    terminal.see(r"> cd /app/p\\\|q$")
    terminal.type("\x15ls | get /app/a\tq")
    terminal.see(r"> ls \| get /app/aq$")
    terminal.type("\x15!get /app/a\tq")
    terminal.see(r"> !get /app/aq$")
    terminal.type("\x15get /app/m\tq")
    terminal.see("> get /app/mq$")
    terminal.type("\x15\x04")
    assert terminal.wait() == 0


# ---- Ctrl-C and keys typed ahead ------------------------------------------------------------------------------------


def waiting_for(file, after=""):
    """Return a script that says `begun`, and waits for a file."""
    return f'echo be""gun; while [ ! -e {file} ]; do sleep 0.1; done; {after}'


@pytest.mark.parametrize("paste", ["watch /a\rget /a\r", "watch /a ; get /a\r", "\x1b[200~watch /a\nget /a\x1b[201~\r"])
def test_ctrl_c_ends_the_rest_of_the_lines_too(shell, client, paste):
    """The rest of a paste went on."""
    client.create("/a", b"data of a")
    terminal = shell()
    terminal.type(paste)
    terminal.see("watching /a")
    terminal.type("\x03")
    terminal.see("interrupted")
    terminal.type("pwd\r")
    terminal.see("^/$")
    assert "data of a" not in terminal.text
    terminal.type("\x04")
    assert terminal.wait() == 0


@pytest.mark.parametrize("key", ["\x03", "\x1c"])
def test_ctrl_c_ends_a_command_of_the_system_and_the_rest(shell, client, tmp_path, key):
    client.create("/a", b"data of a")
    terminal = shell(columns=200)
    terminal.type(f"!{waiting_for(tmp_path / 'none')}\rget /a\r")
    terminal.see("^begun$")
    terminal.type(f"{key}pwd\r")
    terminal.see("^/$")
    assert terminal.lines.count("/") == 1
    assert key == "\x1c" or "data of a" not in terminal.text
    terminal.type("\x04")
    assert terminal.wait() == 0


def test_ctrl_c_is_left_to_a_pager_until_it_ends(shell, client, tmp_path):
    """The prompt came while the pager still read from the terminal."""
    client.create("/a", b"data of a")
    file = tmp_path / "go"
    terminal = shell(columns=200)
    script = waiting_for(file, 'echo do""ne')
    terminal.type(f"get /a | sh -c 'trap \"\" INT; {script}'\r")
    terminal.see("^begun$")
    terminal.type("\x03")
    terminal.see(r"\^C")
    terminal.type("pwd\r")
    file.touch()
    terminal.see(r"^done\n(.*\n)*/$")
    terminal.type("\x04")
    assert terminal.wait() == 0


def test_keys_typed_ahead_are_at_the_next_prompt(shell, tmp_path):
    file = tmp_path / "go"
    terminal = shell(columns=200)
    terminal.type(f"!{waiting_for(file)}\r")
    terminal.see("^begun$")
    terminal.type("\x04pw")  # Ctrl-D is for the command, as in other shells.
    terminal.see("^pw$")
    file.touch()
    terminal.see("^zkc /> pw$")
    terminal.type("\x04d\r")
    terminal.see("^/$")
    assert terminal.lines.count("/") == 1
    terminal.type("\x04")
    assert terminal.wait() == 0


# ---- notices --------------------------------------------------------------------------------------------------------


def test_a_notice_waits_for_the_end_of_a_line(shell, client, tmp_path):
    """It split what a command wrote."""
    client.create("/app")
    client.create("/app/a")
    file = tmp_path / "go"
    terminal = shell(columns=200)
    terminal.type("watch -r /app &\r")
    terminal.see("1 watching")
    terminal.type("rm -r /app/a\r")
    terminal.see(r"\[y/N\]$")
    client.create("/app/first")
    terminal.type("n\r")
    terminal.see(r"\[y/N\] n\n(.*\n)*\[.* created /app/first.*\]\n")
    script = waiting_for(file, 'printf oth""er')
    terminal.type(f'!printf ha""lf; {script}\r')
    terminal.see("^halfbegun$")
    client.create("/app/second")
    file.touch()
    terminal.see(r"^other\n\[.* created /app/second.*\]\n")
    terminal.type("\x04")
    assert terminal.wait() == 0


def test_no_line_of_a_listing_is_split_by_notices(shell, client):
    client.create("/app")
    client.create_many([(f"/app/{number:04}", b"") for number in range(1000)])
    terminal = shell(rows=50, columns=200)
    terminal.type("watch -r /app &\r")
    terminal.see("1 watching")
    terminal.type("ls -R /app\r")
    for number in range(200):
        client.set(f"/app/{number:04}", b"x")
    terminal.until(lambda: "changed /app/0199" in terminal.raw)
    terminal.type("pwd\r")
    terminal.see("^/$")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", terminal.raw)
    lines = [line.strip() for line in text.splitlines()]
    assert {line for line in lines if line.startswith("/app/")} == {f"/app/{number:04}" for number in range(1000)}
    told = [line for line in lines if "changed" in line]  # Some above a prompt or its bar, erased before.
    assert [
        line
        for line in told
        if not re.search(r"^((zkc />|127\.0\.0\.1:).*)?\[[0-9:]{8} changed /app/[0-9]{4}[ 0-9a-fx]*\]$", line)
    ] == []
    assert len(told) == 200
    terminal.type("\x04")
    assert terminal.wait() == 0


# ---- words of its own -----------------------------------------------------------------------------------------------


def test_the_history_has_numbers_and_a_line_runs_again(shell, client, tmp_path):
    client.create("/a", b"data of a")
    terminal = shell()
    terminal.type("auth digest:chris:geheim\r")
    terminal.see("the password file cannot be read")
    terminal.type("get /a\r")
    terminal.see("^data of a$")
    terminal.type("clear\r")
    terminal.until(lambda: "data of a" not in terminal.text)
    terminal.type("history\r")
    terminal.see(r"^ +1  get /a\n +2  clear\n +3  history$")
    terminal.type("redo 1\r")
    terminal.see("> redo 1\nget /a\ndata of a$")
    terminal.type("pwd; redo 4; redo 5\r")
    terminal.see("line 5 has a redo itself")
    terminal.type("redo 9\rredo x\r")
    terminal.see("there is no line 9")
    terminal.see("it is: redo N")
    terminal.type("history 2\r")
    terminal.see(r"history 2\n +6  get /a\n +7  history 2$")
    terminal.type("\x04")
    assert terminal.wait() == 0
    assert "geheim" not in (tmp_path / ".local/state/zkc/history-default").read_text()


def test_lines_with_credentials_are_known():
    for line in ("auth x", "pwd; 'auth' x", "get --auth digest:a:b /a", "get /a --auth=x", "AddAuth x", "auth 'x"):
        assert has_credentials(line)
    for line in ("get /auth", "!auth", "find --owner auth", "get 'auth"):
        assert not has_credentials(line)


def test_jobs_are_the_background_watches(shell, client):
    terminal = shell()
    terminal.type("watch -r '/a b' /c &\rwatch /c &\r")
    terminal.see("3 watching")
    terminal.type("jobs\r")
    terminal.see(r"^1  watch -r /a\\ b &\n2  watch -r /c &\n3  watch /c &$")
    terminal.type("unwatch /c; clear; jobs\r")
    terminal.see(r"^1  watch -r /a\\ b &\nzkc />$")
    terminal.type("watch /d &\runwatch 1; clear; jobs\r")
    terminal.see(r"^2  watch /d &\nzkc />$")
    terminal.type("unwatch 1\r")
    terminal.see(r"there is no watch 1: 2 is watch /d$")
    terminal.type("unwatch 2 /none\r")
    terminal.see(r"/none is not watched: 2 is watch /d$")
    terminal.type("unwatch 2\r")
    terminal.see("ended 1 watch$")
    terminal.type("unwatch d\r")
    terminal.see("/d is not watched: nothing is watched$")
    terminal.type("\x04")
    assert terminal.wait() == 0


@pytest.mark.parametrize("line", ["history", "redo 1", "jobs", "unwatch", "clear x", "pwd &"])
def test_a_script_has_no_history_and_no_background(cli, line):
    cli("shell", "-c", line, code=2)


def test_the_page_names_every_word_of_the_shell():
    page = (Path(__file__).resolve().parents[2] / "docs/cli/shell.md").read_text(encoding="utf-8")
    named = {each.split()[0] for each in re.findall("`([^`\n]+)`", page)} | set(re.findall("`(cd) ", page))
    assert set(SHELL_WORDS) <= named


@pytest.mark.parametrize("columns", [40, 80])
def test_the_help_fits_the_terminal(columns):
    lines = help_text(columns).splitlines()
    assert max(map(len, lines)) < columns
    assert " ".join(help_text(40).split()) == " ".join(help_text(columns).split())


def test_the_help_is_wrapped_to_the_terminal(shell):
    terminal = shell(rows=70, columns=40)
    terminal.type("help\r")
    terminal.see("^unwatch   End background watches:\n          unwatch")
    terminal.type("\x04")
    assert terminal.wait() == 0
