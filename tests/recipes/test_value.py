"""Values: their codecs, and updates by a function."""

from __future__ import annotations

import asyncio

import pytest

import zkc
from zkc.recipes import BYTES, JSON, TEXT, ContentionError, DecodeError, Versioned

from ..client import both
from .recipe_support import make_recipe


class Hex:
    """A codec of a user."""

    def encode(self, value):
        return b"%x" % value

    def decode(self, data):
        return int(data, 16)


@pytest.mark.parametrize(
    ("codec", "value", "data"),
    [
        (None, b"\0\xff", b"\0\xff"),
        (BYTES, bytearray(b"x"), b"x"),
        (TEXT, "gr\u00fcn", b"gr\xc3\xbcn"),
        (JSON, {"a": [1, None, "\u00fc"]}, b'{"a":[1,null,"\xc3\xbc"]}'),
        (Hex(), 255, b"ff"),
    ],
)
async def test_each_codec_has_its_form(zk, codec, value, data):
    recipe = make_recipe(zk, "value", "/app/v", codec=codec)
    assert (await recipe.get()).value is None
    assert (await recipe.set(value)).value == value
    assert (await zk.get("/app/v"))[0] == data
    assert (await make_recipe(zk, "value", "/app/v", codec=codec).get()).value == value


@pytest.mark.parametrize(
    ("codec", "data", "match"),
    [(TEXT, b"\xff", "TEXT|utf-8"), (JSON, b"{", "'/v'"), (JSON, b"", "b'', 0 bytes"), (Hex(), b"z" * 50, "50 bytes")],
)
async def test_data_that_a_codec_cannot_decode_have_an_error_of_their_own(zk, codec, data, match):
    await zk.create("/v", data)
    recipe = make_recipe(zk, "value", "/v", codec=codec)
    with pytest.raises(DecodeError, match=match) as caught:
        await recipe.get()
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(DecodeError):
        await recipe.update(lambda value: value)


@pytest.mark.parametrize(("codec", "value"), [(BYTES, None), (BYTES, "x"), (TEXT, b"x"), (JSON, {1, 2})])
async def test_what_a_codec_cannot_encode_is_refused(zk, codec, value):
    recipe = make_recipe(zk, "value", "/v", codec=codec)
    with pytest.raises(TypeError):
        await recipe.set(value)
    with pytest.raises(TypeError):
        await recipe.update(lambda _: value)
    assert await zk.exists("/v") is None


async def test_an_update_gets_the_present_value(zk, other_zk):
    recipe, other = (make_recipe(each, "value", "/v", codec=JSON, initial={}) for each in (zk, other_zk))

    def add(name):
        def change(value):
            value[name] = len(value)  # The function may change its argument.
            return value

        return change

    assert (await recipe.update(add("a"))).value == {"a": 0}
    assert (await other.update(add("b"))).value == {"a": 0, "b": 1}
    assert (await recipe.update(add("c"))).value == {"a": 0, "b": 1, "c": 2}
    await zk.delete("/v")
    assert (await recipe.update(add("d"))).value == {"d": 0}


@pytest.mark.parametrize("exact", [False, True])
async def test_updates_of_several_clients_lose_nothing(make_zk, exact):
    clients = [make_zk() for _ in range(3)]
    for client in clients:
        await client.start()
    recipes = [make_recipe(client, "value", "/v", codec=JSON, initial=[], exact=exact) for client in clients]
    updates = [
        both.begin(recipe, "update", lambda value, item=(index, number): [*value, item])
        for number in range(10)
        for index, recipe in enumerate(recipes)
    ]
    await asyncio.gather(*updates)
    found = (await recipes[0].get()).value
    assert sorted(found) == [[index, number] for index in range(3) for number in range(10)]


async def test_a_function_that_raises_writes_nothing(zk):
    recipe = make_recipe(zk, "value", "/v", codec=TEXT)
    await recipe.set("a")

    def refuse(value):
        raise KeyError(value)

    with pytest.raises(KeyError, match="a"):
        await recipe.update(refuse)
    assert (await recipe.update(str.upper)).version == 1, "the next update can begin"


async def test_a_function_cannot_update_the_same_value(zk):
    recipe = make_recipe(zk, "value", "/v", codec=TEXT)

    def nested(value):
        recipe.inner.update(str.upper)

    with pytest.raises(RuntimeError, match="call it after the update"):
        await recipe.update(nested)


async def test_an_update_takes_no_coroutine_function(zk):
    recipe = make_recipe(zk, "value", "/v", codec=TEXT)

    async def change(value):
        return value

    with pytest.raises(TypeError, match="plain function"):
        await recipe.update(change)


async def test_an_update_is_given_up_after_so_many_conflicts(zk, hosts):
    recipe = make_recipe(zk, "value", "/v", codec=TEXT)
    await recipe.set("a")
    with zkc.Client(hosts) as other:

        def change(value):
            other.set("/v", b"b")
            return "c"

        with pytest.raises(ContentionError, match="2 attempts") as caught:
            await recipe.update(change, attempts=2)
    assert caught.value.path == "/v"
    assert isinstance(caught.value.__cause__, zkc.BadVersionError)
    assert (await recipe.get()).value == "b"


async def test_a_value_is_watched(zk, other_zk, caplog):
    told = both.Events()
    recipe = make_recipe(zk, "value", "/v", codec=JSON)
    subscription = await recipe.watch(told)
    assert await told.next() == Versioned(None, None, None)
    await other_zk.create("/v", b"[1]")
    assert (await told.next()).value == [1]
    await other_zk.set("/v", b"[")
    await both.eventually(lambda: "DecodeError" in caplog.text)
    await other_zk.set("/v", b"2")
    assert (await told.next()).value == 2
    subscription.cancel()
    caplog.clear()  # The logged traceback refers to the client.


async def test_what_is_in_the_way_of_a_create_is_reported(zk, make_zk, hosts):
    nowhere = make_zk(f"{hosts}/missing")
    await nowhere.start()
    for path in ("/v", "/app/v"):
        recipe = make_recipe(nowhere, "value", path)
        with pytest.raises(zkc.NoNodeError):
            await recipe.set(b"x")
        with pytest.raises(zkc.NoNodeError):
            await recipe.update(lambda _: b"x")
    await zk.create("/closed", acl=[zkc.ACL.world(zkc.Perms.READ)])
    for path in ("/closed/v", "/closed/app/v"):
        with pytest.raises(zkc.NoAuthError):
            await make_recipe(zk, "value", path).set(b"x")
    await zk.create("/owned", ephemeral=True)
    with pytest.raises(zkc.NoChildrenForEphemeralsError):
        await make_recipe(zk, "value", "/owned/v").set(b"x")


async def test_the_znode_has_the_acl_that_was_given(zk):
    acl = [zkc.ACL.world(zkc.Perms.ALL), zkc.ACL.ip("127.0.0.1", zkc.Perms.READ)]
    await make_recipe(zk, "value", "/v", acl=acl).set(b"x")
    assert (await zk.get_acl("/v"))[0] == acl


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"codec": "json"}, TypeError, "codec must have the methods encode and decode.*'json'"),
        ({"exact": None}, TypeError, "exact must be True or False"),
        ({"acl": []}, ValueError, "acl"),
    ],
)
def test_arguments_of_a_value_are_checked(client, options, error, match):
    with pytest.raises(error, match=match):
        client.value("/v", **options)


def test_a_codec_that_gives_no_bytes_is_refused(client):
    class Wrong:
        def encode(self, value):
            return str(value)

        def decode(self, data):
            return data

    with pytest.raises(TypeError, match="must encode a value as bytes, not str"):
        client.value("/v", codec=Wrong()).set(1)


def test_recipes_show_what_they_are(client):
    assert repr(client.value("/v", codec=JSON)) == "<zkc.Value /v codec=zkc.recipes.JSON>"
    assert repr(client.counter("/n", type="int64")) == "<zkc.Counter /n type=int64>"
