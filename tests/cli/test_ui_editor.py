"""``zkc ui``: no typed text is lost, and what an edit does not touch stays byte for byte."""

from __future__ import annotations

import pytest

import zkc
from zkc.cli.programs._ui.dialogs import Ask, Confirm, Edit
from zkc.cli.programs._ui.editable import Editable, NotEditableError
from zkc.testing import FaultProxy

from .ui_support import SHORT, content, editor, field, names, picture, question, told, typed, until


def test_the_text_comes_back_when_the_znode_was_deleted(browse, client):
    client.create("/app", b"old")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓enew")
        client.delete("/app")
        await typed(pilot, "\x13")
        assert editor(browser).text == "newold"
        assert "deleted in the meantime" in picture(browser)
        client.create("/app", b"old")
        await typed(pilot, "\x13")
        assert len(browser.screen_stack) == 1

    browse(body)
    assert client.get("/app")[0] == b"newold"


def test_the_text_comes_back_when_setting_is_not_allowed(browse, client):
    client.create("/app", b"old", acl=[zkc.ACL(zkc.Perms.READ, "world", "anyone")])

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓enew\x13")
        assert editor(browser).text == "newold"
        assert "Not saved" in picture(browser)
        await typed(pilot, "\x1bn")
        assert editor(browser).text == "newold"
        await typed(pilot, "\x1by")
        assert len(browser.screen_stack) == 1

    browse(body)
    assert client.get("/app")[0] == b"old"


def test_the_text_comes_back_when_the_connection_is_lost(browse, client, hosts, zookeeper_server):
    client.create("/app", b"old")
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:

        async def body(browser, pilot):
            await until(pilot, lambda: names(browser) == ["app"])
            await typed(pilot, "↓enew")
            proxy.refuse()
            proxy.drop_connections()
            await until(pilot, lambda: "suspended" in picture_below(browser))
            await typed(pilot, "\x13")
            assert editor(browser).text == "newold"
            assert "Not saved" in picture(browser)
            proxy.accept()
            await until(pilot, lambda: browser.client.connected)
            await typed(pilot, "\x13")
            assert len(browser.screen_stack) == 1

        browse(body, servers=proxy.hosts + hosts[hosts.index("/") :], timeout=SHORT)
    assert client.get("/app")[0] == b"newold"


def picture_below(browser):
    return str(browser.screen_stack[0].query_one("#state").visual)


def test_a_name_comes_back_when_the_znode_cannot_be_created(browse, client):
    client.create_many(["/app", "/app/taken"])

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓ctaken\r")
        assert isinstance(browser.screen, Ask)
        assert field(browser).value == "taken"
        assert "Not created" in picture(browser)
        await typed(pilot, "other\r")
        await until(pilot, lambda: "other" in names(browser, "/app"))

    browse(body)


def test_leaving_an_editor_with_a_changed_text_asks(browse, client):
    client.create("/app", b"old")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓e\x1b")
        assert len(browser.screen_stack) == 1
        for leave in "\x1b\x11":
            await typed(pilot, "enew")
            await typed(pilot, leave)
            assert "not saved" in question(browser)
            await typed(pilot, "n")
            assert editor(browser).text == "newold"
            await typed(pilot, "\x1by")
            assert len(browser.screen_stack) == 1

    browse(body)
    assert client.get("/app")[0] == b"old"


def test_a_question_about_a_conflict_fits_a_small_terminal(browse, client):
    client.create("/app", b"old")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓enew")
        client.set("/app", b"\n".join(b"%d" % number for number in range(500)))
        await typed(pilot, "\x13")
        assert "y: yes" in picture(browser)
        await typed(pilot, "y")
        assert not isinstance(browser.screen, (Confirm, Edit))

    browse(body, size=(60, 15))
    assert client.get("/app")[0] == b"newold"


def test_an_edit_keeps_what_it_does_not_touch(browse, client):
    kept = [b"", b"\n", b"a\n", b"a\n\n", b"a\r\nb", b"a\r\nb\r\n", b"\tone\n\t\ttwo ", "\ufeffa\r\nb".encode(),
            "ä\u200b漢".encode()]  # fmt: skip
    client.create_many([(f"/n{number}", data) for number, data in enumerate(kept)])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == len(kept))
        for _ in kept:
            await typed(pilot, "↓ex\x13")
            assert len(browser.screen_stack) == 1

    browse(body)
    for number, data in enumerate(kept):
        begin = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        assert client.get(f"/n{number}")[0] == data[:begin] + b"x" + data[begin:]


@pytest.mark.parametrize(
    "data",
    [b"\x1b[31m", b"a\0b", b"a\rb", b"a\r\nb\n", b"a\r", b"a\x0cb", b"\xff\xfe", bytes(300_000),
     *(text.encode() for text in ("a\u2028b", "a\u2029", "\x85", "\u202e"))],
)  # fmt: skip
def test_data_that_the_editor_would_change_are_refused(data):
    with pytest.raises(NotEditableError):
        Editable(data)


def test_data_that_the_editor_refuses_stay(browse, client):
    client.create("/app", b"a\x1b[31mb")
    _, before = client.get("/app")

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓e")
        await until(pilot, lambda: "U+001B" in told(browser))
        assert len(browser.screen_stack) == 1

    browse(body)
    assert client.get("/app")[1].version == before.version


def test_data_of_null_stay_null_when_nothing_is_changed(browse, client):
    client.create("/app", None)

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["app"])
        await typed(pilot, "↓")
        await until(pilot, lambda: "null" in content(browser))
        await typed(pilot, "e\x13ex")
        await typed(pilot, "\x1by")

    browse(body)
    data, stat = client.get("/app")
    assert (data, stat.version) == (None, 0)
