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


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("rm -r --yes --backup {old} /a", 9),
        ("rm -r --yes --backup {new}/x /a", 10),
        ("rm --backup {old} /a/b", 9),
        ("rm --backup {new}/x /a/b", 10),
        ("dump /a -O {new}/x", 10),
        ("dump /a -O {folder}", 10),
        ("dump /a -O {old}/x", 10),
        ("get /a -O {new}/x", 10),
        ("get /a -O {folder}", 10),
        ("get /a -O /dev/fd/99", 10),
    ],
)
def test_a_file_that_cannot_be_written(both, client, tmp_path, line, code):
    client.create("/a/b", make_parents=True)
    old = tmp_path / "old"
    old.write_bytes(b"old")
    foretold, _ = both(*line.format(old=old, new=tmp_path / "new", folder=tmp_path).split(), code=code)
    assert foretold.out == b""
    assert [path.name for path in tmp_path.iterdir() if path.name != ".cache"] == ["old"]
    assert old.read_bytes() == b"old"


def test_a_file_that_would_be_written(cli, client, tmp_path):
    client.create("/a/b", make_parents=True)
    file = tmp_path / "file"
    for line in ("rm -r --backup {} /a", "rm --backup {} /a/b", "dump /a -O {}", "get /a -O {}"):
        ended = cli(*line.format(file).split(), "-n", "--json")
        assert str(file) in (each.get("file") for each in ended.json), line
    ended = cli("rm", "-rn", "/a", "--backup", str(file))
    assert ended.lines == ["/a/b", "/a"]
    assert f"would write /a and all below it to {file}" in ended.err
    assert "cannot be written" in cli("snapshot", "-n", "-O", str(tmp_path / "no" / "x"), code=10).err
    assert not file.exists()
    cli("rm", "--missing-ok", "--backup", str(file), "/none")
    assert not file.exists()
