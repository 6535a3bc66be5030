"""Tests of the contributor's kit: hooks, workflows, attributes and ignored revisions agree with the tree."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def _load(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def _steps_of_lint():
    found = re.search(r"^readonly LINT_STEPS=\((.*)\)$", (ROOT / "dev").read_text(), re.MULTILINE)
    assert found
    return found[1].split()


def test_each_step_of_lint_is_a_function():
    functions = re.findall(r"^lint_(\S+)\(\)", (ROOT / "dev").read_text(), re.MULTILINE)
    assert sorted(functions) == sorted(_steps_of_lint())


def test_hooks_call_the_steps_of_lint():
    hooks = [hook for repository in _load(".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]]
    assert all(hook["entry"] == f"./dev lint {hook['id']}" for hook in hooks)
    # These look at the whole program, and would make each commit wait.
    assert {hook["id"] for hook in hooks} == set(_steps_of_lint()) - {"mypy", "mypy-tests", "stubtest"}
    patterns = [hook["files"] for hook in hooks if "files" in hook]
    # Not by rglob(), which fails when another process of this run removes a folder.
    files = [os.path.relpath(Path(folder, name), ROOT) for folder, _, names in os.walk(ROOT) for name in names]
    files = [file for file in files if not file.startswith(".venv")]
    assert [pattern for pattern in patterns if not any(re.search(pattern, file) for file in files)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_can_only_read_and_names_versions(path):
    workflow = _load(path)
    assert workflow["permissions"] == {"contents": "read"}
    actions = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in actions)


def test_the_matrix_has_the_supported_pythons():
    matrix = _load(".github/workflows/tests.yml")["jobs"]["core"]["strategy"]["matrix"]["python"]
    classifiers = re.findall(r"Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text())
    assert matrix == classifiers


def test_a_pull_request_gets_what_continuous_integration_runs():
    jobs = _load(".github/workflows/tests.yml")["jobs"].values()
    commands = {step["run"] for job in jobs for step in job["steps"] if "run" in step}
    run = re.findall(r"^(?:exec )?(\./dev .*)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert run
    assert set(run) <= commands


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name
)
def test_an_issue_form_is_well_formed(path):
    form = _load(path)
    if path.name == "config.yml":
        assert form == {"blank_issues_enabled": False}
        return
    assert {"name", "description", "title", "body"} <= set(form)
    for part in form["body"]:
        assert part["type"] in ("markdown", "textarea", "input")
        assert part["attributes"]["value" if part["type"] == "markdown" else "label"]
    names = [part["id"] for part in form["body"] if "id" in part]
    assert len(set(names)) == len(names)


def test_generated_files_are_marked_as_such():
    if not (ROOT / ".git").exists():
        pytest.skip("attributes are git's, and this is no clone")
    stubs = [str(path.relative_to(ROOT)) for path in (ROOT / "zkc" / "_api" / "_generated").glob("*.pyi")]
    command = ["git", "check-attr", "linguist-generated", "--", *stubs, "zkc/_api/znodes.py"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.endswith(": set") for line in lines] == [*([True] * len(stubs)), False]
    assert stubs


def test_revisions_that_blame_ignores_are_commits_of_this_history():
    lines = (ROOT / ".git-blame-ignore-revs").read_text(encoding="utf-8").splitlines()
    revisions = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch("[0-9a-f]{40}", revision) for revision in revisions)
    assert len(set(revisions)) == len(revisions)
    # A source distribution has no history, and a runner's clone has only its end.
    shallow = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if (ROOT / ".git").exists() and shallow.stdout.strip() == "false":
        for revision in revisions:
            command = ["git", "merge-base", "--is-ancestor", revision, "HEAD"]
            assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0, revision
