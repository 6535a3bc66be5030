"""``zkc ui``: the cursor and the picture stay on the same znodes while other clients change the tree."""

from __future__ import annotations

import pytest

from .ui_support import content, names, picture, told, typed, until


def at(browser):
    return browser.tree_view.target


def row(browser):
    """The row of the cursor in the picture of the tree."""
    return browser.tree_view.cursor_line - round(browser.tree_view.scroll_offset.y)


def test_the_cursor_stays_on_its_znode(browse, client):
    client.create_many([f"/n{number:03}" for number in range(100, 200)])
    client.create_many(["/n150/inner", "/n160/inner"])

    async def body(browser, pilot):
        await typed(pilot, "g/n160/inner\rg/n150\r→")
        await until(pilot, lambda: names(browser, "/n150") == ["inner"] and at(browser) == "/n150")
        before = row(browser)
        client.create_many([f"/a{number:02}" for number in range(30)])
        await until(pilot, lambda: len(names(browser)) == 130)
        assert (at(browser), row(browser)) == ("/n150", before)
        client.delete_many([f"/a{number:02}" for number in range(30)] + ["/n120", "/n180"])
        await until(pilot, lambda: len(names(browser)) == 98)
        assert (at(browser), row(browser)) == ("/n150", before)
        await typed(pilot, "r")
        await pilot.pause()
        assert (at(browser), row(browser)) == ("/n150", before)
        assert names(browser, "/n150") == names(browser, "/n160") == ["inner"]
        assert browser.chosen == "/n150"

    browse(body)


def test_the_picture_stays_when_the_cursor_is_out_of_it(browse, client):
    client.create_many([f"/n{number:03}" for number in range(100, 200)])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 100 and browser.tree_view.max_scroll_y >= 50)
        await until(pilot, lambda: browser.tree_view.allow_vertical_scroll)  # Else it ignores a scroll.
        browser.tree_view.scroll_to(y=50, animate=False, immediate=True)
        await until(pilot, lambda: "n149" in picture(browser).splitlines()[1])
        client.create_many(["/a", "/b", "/c"])
        await until(pilot, lambda: len(names(browser)) == 103)
        await until(pilot, lambda: "n149" in picture(browser).splitlines()[1])
        assert at(browser) == "/"

    browse(body)


@pytest.mark.parametrize(
    ("gone", "neighbour"), [("/app/b", "/app/c"), ("/app/c", "/app/b"), ("/only/one", "/only"), ("/app", "/only")]
)
def test_the_cursor_goes_to_a_neighbour_when_its_znode_is_deleted(browse, client, gone, neighbour):
    client.create_many([("/app", b""), ("/app/b", b"B"), ("/app/c", b"C"), ("/only", b"ONLY"), ("/only/one", b"")])
    client.set(neighbour, b"the neighbour")

    async def body(browser, pilot):
        begin = "/app/b" if gone == "/app" else gone
        await typed(pilot, f"g{begin}\r")
        await until(pilot, lambda: browser.chosen == begin)
        client.delete_tree(gone)
        await until(pilot, lambda: browser.chosen == neighbour)
        assert at(browser) == neighbour
        await until(pilot, lambda: "the neighbour" in content(browser))
        await until(pilot, lambda: f"{begin} was deleted" in told(browser))

    browse(body)


def test_keys_act_on_the_neighbour_after_a_deletion(browse, client):
    client.create_many(["/a", "/b", "/c", "/d"])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 4)
        await typed(pilot, "↓↓dy")
        await until(pilot, lambda: names(browser) == ["a", "c", "d"])
        await typed(pilot, "dy")
        await until(pilot, lambda: names(browser) == ["a", "d"])
        assert at(browser) == "/d"
        assert "by another client" not in told(browser)

    browse(body)
    assert client.children("/") == ["a", "d"]


def test_the_line_of_more_children_is_no_znode(browse, client):
    client.create("/wide")
    client.create_many([f"/wide/n{number:05}" for number in range(600)])

    async def body(browser, pilot):
        await until(pilot, lambda: names(browser) == ["wide"])
        await typed(pilot, "↓\r")
        await until(pilot, lambda: len(names(browser, "/wide")) == 500)
        await pilot.press("end")
        for key in "edc":
            await typed(pilot, key)
            assert len(browser.screen_stack) == 1
        await until(pilot, lambda: "no znode" in told(browser))
        client.create("/wide/a")
        await until(pilot, lambda: "a" in names(browser, "/wide"))
        assert at(browser) is None
        await typed(pilot, "\r")
        await until(pilot, lambda: at(browser) == "/wide/n00499")

    browse(body)
    assert len(client.children("/wide")) == 601


def test_a_child_far_away_is_shown_with_its_page(browse, client):
    client.create_many([f"/n{number:05}" for number in range(2200)])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 500)
        await typed(pilot, "g/n01700\r")
        await until(pilot, lambda: browser.chosen == "/n01700")
        assert (names(browser)[0], names(browser)[-1]) == ("n01500", "n01999")
        client.create_many([f"/a{number:02}" for number in range(30)])
        await until(pilot, lambda: "1,530 before" in str(browser.tree_view.root.children[0].label))
        assert (at(browser), names(browser)[0]) == ("/n01700", "n01500")
        browser.tree_view.choose_line(browser.tree_view.root.children[0])
        await typed(pilot, "\r")
        await until(pilot, lambda: at(browser) == "/n01499")
        assert len(names(browser)) == 1000
        browser.tree_view.choose_line(browser.tree_view.root.children[-1])
        await typed(pilot, "\r")
        await until(pilot, lambda: at(browser) == "/n02000")
        assert len(names(browser)) == 1200

    browse(body)


def test_the_cursor_stays_on_the_last_line_of_a_page(browse, client):
    client.create_many([f"/n{number:05}" for number in range(600)])

    async def body(browser, pilot):
        await typed(pilot, "g/n00499\r")
        await until(pilot, lambda: browser.chosen == "/n00499")
        client.create_many([f"/a{number:02}" for number in range(30)])
        await until(pilot, lambda: "a29" in names(browser))
        assert at(browser) == browser.chosen == "/n00499"
        assert "deleted" not in told(browser)

    browse(body)


def test_watches_are_kept_when_the_cursor_moves_fast(browse, client):
    client.create_many([(f"/n{number:02}", b"old") for number in range(20)])

    async def body(browser, pilot):
        await until(pilot, lambda: len(names(browser)) == 20)
        for _ in range(3):
            await typed(pilot, "↓" * 20 + "↑" * 20)
        await typed(pilot, "↓" * 7)
        await until(pilot, lambda: browser.chosen == "/n06" and "old" in content(browser))
        client.set("/n06", b"new")
        await until(pilot, lambda: "new" in content(browser))

    browse(body)
