"""The pages' commands exist and do what the pages use them for; their links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zkc.cli._members import NAMES
from zkc.cli._run import _VARIABLES

from .docs_support import PAGES, PLACEHOLDER, ROOT, anchors, commands, make_wheel, prose

_COMMANDS = commands()


def _of(pattern: str) -> list[tuple[str, str]]:
    return [(place, command) for place, command in _COMMANDS if re.match(pattern, command)]


def _without_variables(command: str) -> str:
    return re.sub(r"^(?:[A-Z_]+=\S+ )+", "", command)


def _environment() -> dict[str, str]:
    """The package under test is the one that this process found."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def _run(*command: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, **more)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def dev_verbs():
    """The verbs that ./dev knows, by its own help."""
    run = _run("./dev", "help")
    assert run.returncode == 0, run.stderr
    return set(re.findall(r"^  (\w+)\b", run.stdout, re.MULTILINE))


def test_every_command_is_of_a_kind_that_is_tested():
    known = (
        r"\./dev |python -m zkc\.testing|python examples/\w+\.py |python vendor/fetch\.py( --list)?$"
        r"|\./build_wheels\.sh( |$)|pip install --no-index --find-links (FOLDER zkc-[\d.]+\.tar\.gz|dist zkc)$"
        r"|pip install \.$|\.venv/bin/pip install kazoo$|python -m zkc\.legacy check "
        r"|\.venv/bin/python tools/(stubs\.py|prose\.py( --count| --long))$|python tools/release\.py changelog$"
        r"|build/wheels/venv/bin/twine upload |git (tag -s|push origin) v"
        r"|zkc (serve|shell)$|pip install \"zkc\[cli\]\"$"
        r"|git (clone|switch|grep|add|commit|push) |cd zkc$"
    )
    strangers = [(place, command) for place, command in _COMMANDS if not re.match(known, _without_variables(command))]
    assert not strangers


@pytest.mark.parametrize(("place", "command"), _of(r"\.venv/bin/python tools/stubs\.py"))
def test_the_stubs_are_as_this_command_makes_them(place, command):
    run = _run(sys.executable, *shlex.split(command)[1:], "--check")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(("place", "command"), [c for c in _COMMANDS if "./dev " in c[1]])
def test_a_verb_of_dev_exists(place, command, dev_verbs):
    _, verb, *arguments = shlex.split(_without_variables(command))
    assert verb in dev_verbs
    if verb in ("bench", "soak"):
        module = "benchmarks" if verb == "bench" else "benchmarks.soak"
        run = _run(sys.executable, "-m", module, *arguments, "--help", env=_environment())
        assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(("place", "command"), _of(r"\./build_wheels\.sh"))
def test_wheels_are_asked_for_as_the_program_understands(place, command):
    run = _run(sys.executable, "-m", "tools.wheels", *shlex.split(command)[1:], "--help")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(("place", "command"), _of(r"pip install --no-index --find-links dist "))
def test_a_wheel_is_installed_from_a_folder(place, command, tmp_path):
    make_wheel(tmp_path)
    arguments = shlex.split(command.replace(" dist ", f" {tmp_path} "))[1:]
    target = tmp_path / "site"
    run = _run(sys.executable, "-m", "pip", *arguments, "--target", str(target), env=_environment())
    assert run.returncode == 0, run.stderr
    assert (target / "zkc" / "__init__.py").is_file()


def test_an_unknown_verb_is_refused_with_help():
    run = _run("./dev", "no-such-verb")
    assert run.returncode != 0
    assert "usage" in run.stderr


@pytest.mark.parametrize(("place", "command"), _of(r"python -m zkc\.testing"))
def test_the_serve_command_serves(place, command):
    # No test needs a port that another program may have.
    arguments = shlex.split(command.replace("--port 2181", ""))[1:]
    words = [sys.executable, *(word for word in arguments if word != "--json"), "--json"]
    with subprocess.Popen(words, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert json.loads(server.stdout.readline())["hosts"]
        finally:
            server.send_signal(signal.SIGINT)
    assert server.returncode == 0


@pytest.mark.parametrize(("place", "command"), _of(r"python examples/"))
def test_an_example_runs_against_a_server(place, command, zookeeper_chroot):
    run = _run(sys.executable, *shlex.split(command.replace(PLACEHOLDER, zookeeper_chroot))[1:], env=_environment())
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout


@pytest.mark.parametrize(("place", "command"), _of(r"python vendor/fetch\.py --list"))
def test_the_list_of_sources_is_shown(place, command):
    run = _run(sys.executable, *shlex.split(command)[1:])
    assert run.returncode == 0, run.stderr
    assert "zookeeper" in run.stdout


def _documented_variables() -> set[str]:
    table = (ROOT / "docs" / "building.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(ZKC_[A-Z_]+)` \|", table, re.MULTILINE))


def test_variables_are_those_that_the_code_reads():
    code = [ROOT / "dev", ROOT / "setup.py", *ROOT.glob("vendor/*.py"), *ROOT.glob("zkc/testing/*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in code)
    read = set(re.findall(r"environ(?:\.get)?[(\[]\s*\"(ZKC_[A-Z_]+)\"", text))
    read |= set(re.findall(r"\$\{(ZKC_[A-Z_]+):-", text)) | set(re.findall(r"_VARIABLE = \"(ZKC_[A-Z_]+)\"", text))
    assert _documented_variables() == read


def _variables_of_the_command_line() -> set[str]:
    """Return those that `zkc` reads, and those that it sets for the commands that it starts."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("zkc/cli/**/*.py"))
    return {f"ZKC_{name.upper()}" for name in (*NAMES, *_VARIABLES)} | set(re.findall(r"\"(ZKC_[A-Z_]+)\"", code))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_no_unknown_variable(page):
    named = set(re.findall(r"\bZKC_[A-Z_]+\b", page.read_text(encoding="utf-8")))
    # These belong to the C side, and not to a reader's shell.
    inner = {name for name in named if name.startswith(("ZKC_ITEM_", "ZKC_KIND_", "ZKC_WATCH_"))}
    assert named - inner <= _documented_variables() | _variables_of_the_command_line()


def test_every_patch_is_listed():
    table = (ROOT / "docs" / "building.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\d{4}-[\w-]+)` \|", table, re.MULTILINE)
    assert told == sorted(path.stem for path in ROOT.glob("vendor/patches/zookeeper/*.patch"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = Path(page.parent, name).resolve() if name else page
        assert other.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(other), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_file_that_is_named_exists(page):
    pattern = r"`((?:src|zkc|vendor|tests|docs|benchmarks|examples)/[\w./-]*)`"
    made = ("benchmarks/results/", "vendor/archives/")  # by a run
    for name in re.findall(pattern, prose(page)):
        assert name in made or Path(ROOT, name).exists(), f"{page.name} names {name}"
