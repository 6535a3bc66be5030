"""The first change of CONTRIBUTING.md works as it stands there, and the commands of a release are the right ones."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zkc

from .docs_support import ROOT, blocks, commands

_CONTRIBUTING = ROOT / "CONTRIBUTING.md"


def _first_change():
    """The blocks of the section, in order."""
    lines = _CONTRIBUTING.read_text(encoding="utf-8").splitlines()
    start = lines.index("## A first change")
    end = next(number for number in range(start + 1, len(lines)) if lines[number].startswith("## "))
    return [block for block in blocks() if block.page == _CONTRIBUTING and start < block.line <= end]


class _Newcomer:
    """Does what the section says: in a clone of a fork, with the extension that this tree has built."""

    def __init__(self, folder: Path, fork: Path) -> None:
        self.folder = folder
        self.fork = fork
        self.environment = {
            **os.environ,
            **{f"GIT_{role}_{part}": "newcomer" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")},
        }

    def run(self, *command: str, feed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in the clone."""
        environment = {**self.environment, "PYTHONPATH": str(self.folder)}
        return subprocess.run(
            command, cwd=self.folder, env=environment, input=feed, capture_output=True, text=True, check=False
        )

    def do(self, command: str) -> int:
        """Run a command of the page, or what stands for it here; return its status."""
        words = shlex.split(command)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            return 0
        if words[:2] == ["./dev", "setup"]:
            for extension in (ROOT / "zkc").glob("_zookeeper.*.so"):
                shutil.copy(extension, self.folder / "zkc")
            return 0
        if words[:2] == ["./dev", "test"]:
            done = self.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words[2:])
        elif words[:2] == ["./dev", "lint"]:
            # The parts of this change that may be wrong: its format, and its fragment.
            done = self.run(sys.executable, "-m", "ruff", "format", "--check", "zkc", "tests/test_args.py")
            assert done.returncode == 0, done.stdout + done.stderr
            done = self.run(sys.executable, "tools/release.py", "news")
        else:
            done = self.run(*(str(self.fork) if word == "YOUR-FORK" else word for word in words))
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.returncode


@pytest.fixture
def newcomer(tmp_path):
    """A newcomer with a fork, which has one commit: this tree."""
    tree, fork = tmp_path / "tree", tmp_path / "fork.git"
    left_out = shutil.ignore_patterns(  # Among them what other processes of this run write.
        *(".git", ".venv", ".*_cache", ".hypothesis", "build", "dist", "*.so", "__pycache__", "*.egg-info"),
        *("results", "archives"),
    )
    shutil.copytree(ROOT, tree, ignore=left_out)
    someone = _Newcomer(tree, fork)
    for command in (
        "git init -q -b main",
        "git add -A",
        "git commit -q -m start",
        f"git init -q --bare -b main {fork}",
    ):
        assert someone.do(command) == 0
    assert someone.do(f"git push -q {fork} HEAD:main") == 0
    (tmp_path / "work").mkdir()
    someone.folder = tmp_path / "work"
    return someone


@pytest.mark.slow
def test_a_first_change_is_made_as_the_page_says(newcomer):
    statuses = []
    for block in _first_change():
        if block.language == "diff":
            done = newcomer.run("git", "apply", "-", feed=block.text)
            assert done.returncode == 0, f"{block.place} does not apply: {done.stderr}"
            continue
        statuses += [(line[2:], newcomer.do(line[2:])) for line in block.text.splitlines()]
    failed = [command for command, status in statuses if status]
    assert failed == ["./dev test tests/test_args.py -k bad_path"]
    # The same after the change.
    assert newcomer.do(failed[0]) == 0
    branch = newcomer.run("git", "--git-dir", str(newcomer.fork), "log", "--format=%s", "path-without-slash")
    title = branch.stdout.splitlines()[0]
    assert re.fullmatch(r"[\w/]+: [a-z].{,70}", title)
    changed = newcomer.run("git", "show", "--format=", "--name-only").stdout.splitlines()
    assert changed == [
        "newsfragments/+path-without-slash.changed.md",
        "tests/test_args.py",
        "zkc/_args.py",
    ]


def test_the_commands_of_a_release_name_this_version():
    found = [command for place, command in commands() if place.startswith("docs/releasing.md")]
    assert f'git tag -s v{zkc.__version__} -m "zkc {zkc.__version__}"' in found
    assert f"git push origin v{zkc.__version__}" in found
    folder = f"dist/{zkc.__version__}"
    assert f"build/wheels/venv/bin/twine upload {folder}/*.whl {folder}/*.tar.gz" in found
    assert "readonly WHEELS_VENV=build/wheels/venv\n" in (ROOT / "dev").read_text()
    assert re.search(r"^twine==", (ROOT / "requirements-wheels.txt").read_text(), re.MULTILINE)
    # The workflow that a tag starts.
    assert 'tags: ["v*"]' in (ROOT / ".github" / "workflows" / "wheels.yml").read_text()


def test_the_steps_of_a_release_are_known_to_its_program():
    run = subprocess.run([sys.executable, "tools/release.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    used = {command.split()[2] for _, command in commands() if command.startswith("python tools/release.py ")}
    assert used
    assert used <= set(re.findall(r"[a-z]+", run.stderr))


@pytest.mark.parametrize(("option", "shown"), [("--count", "tell/told/tells"), ("--long", "more than 25 words")])
def test_words_are_counted_as_the_page_says(option, shown):
    assert f".venv/bin/python tools/prose.py {option}" in [command for _, command in commands()]
    run = subprocess.run(
        [sys.executable, "tools/prose.py", option], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0
    assert shown in run.stdout
