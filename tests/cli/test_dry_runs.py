"""A dry run ends as the run would, and changes nothing."""

from __future__ import annotations

import pytest


@pytest.fixture
def both(cli, client):
    """Return a function that makes a dry run and then the run: the dry run, and the run. Both end with ``code``.

    An error must be the same, unless ``alike`` names the only members that must be.
    """

    def run(*arguments, code, alike=None, **options):
        before = sorted(node.path for node in client.tree("/"))
        foretold = cli(*arguments, "-n", "--json", code=code, **options)
        assert sorted(node.path for node in client.tree("/")) == before
        made = cli(*arguments, "--json", code=code, **options)
        if code:
            names = made.error if alike is None else alike
            assert {name: foretold.error[name] for name in names} == {name: made.error[name] for name in names}
        return foretold, made

    return run


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("cp -r /a /no/q", 3),
        ("cp -r /a /e/q", 10),
        ("cp -r /a /e/q/x", 3),
        ("sync /a /e/q/x --parents", 10),
        ("restore {dump} /no/z", 3),
        ("create /no/x", 3),
        ("create /e/q/x", 3),
        ("create -P /e/q/x", 10),
        ("set --create /no/x -d x", 3),
        ("touch /no", 3),
        ("touch --create /no/x", 3),
    ],
)
def test_a_target_that_cannot_be_created(both, cli, client, tmp_path, line, code):
    client.create("/a/b", make_parents=True)
    client.create("/e", ephemeral=True)
    if "{dump}" in line:
        cli("dump", "/a", "-O", str(tmp_path / "dump"))
    both(*line.format(dump=tmp_path / "dump").split(), code=code)
