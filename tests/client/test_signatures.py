"""Client, AsyncClient and submit have the same calls, with the same arguments, and all of them are documented."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zkc
from zkc import AsyncClient, AsyncTransaction, Client, SubmitTransaction, Transaction
from zkc._client.submit import Submit

ROOT = Path(__file__).parents[2]


def public(owner):
    return {name for name in dir(owner) if not name.startswith("_")}


def members(owner):
    return {name: getattr(owner, name) for name in public(owner)}


def calls(owner):
    return {name: member for name, member in members(owner).items() if callable(member)}


def shape(function):
    """Names, kinds and defaults of the arguments."""
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]


def hints(function):
    """Return the declared types of the arguments."""
    return {name: hint for name, hint in function.__annotations__.items() if name != "return"}


def test_both_clients_have_the_same_names():
    assert public(Client) == public(AsyncClient)


@pytest.mark.parametrize("name", sorted((public(Client) & public(AsyncClient)) | {"__init__"}))
def test_both_clients_have_the_same_arguments(name):
    one, other = getattr(Client, name), getattr(AsyncClient, name)
    if isinstance(one, property):
        assert isinstance(other, property)
        return
    assert shape(one) == shape(other)
    assert hints(one).keys() == hints(other).keys()


@pytest.mark.parametrize("name", sorted(calls(Submit)))
def test_submit_has_the_arguments_of_the_client(name):
    assert shape(getattr(Submit, name)) == shape(getattr(Client, name))


def test_submit_has_every_call_that_waits_for_an_answer():
    limited = {name for name, call in calls(Client).items() if "timeout" in inspect.signature(call).parameters}
    iterators = {"walk", "watch"}
    functions = {"atomically"}  # It calls a function of the user's, and needs a thread for that.
    assert limited - calls(Submit).keys() <= {"wait_for"} | iterators | functions


@pytest.mark.parametrize("other", [AsyncTransaction, SubmitTransaction])
def test_transactions_have_the_same_calls(other):
    assert calls(Transaction).keys() == calls(other).keys()
    for name, call in calls(Transaction).items():
        assert shape(call) == shape(getattr(other, name))


def test_every_setting_but_the_hosts_is_given_by_name():
    for client in (Client, AsyncClient):
        kinds = [parameter.kind for parameter in list(inspect.signature(client).parameters.values())[1:]]
        assert set(kinds) == {inspect.Parameter.KEYWORD_ONLY}


DOCUMENTED = [
    (owner, name)
    for owner in (Client, AsyncClient, Submit, Transaction, AsyncTransaction, SubmitTransaction, zkc.Operation)
    for name, member in sorted(members(owner).items())
    if callable(member) or isinstance(member, property)
]


@pytest.mark.parametrize(("owner", "name"), DOCUMENTED, ids=lambda value: getattr(value, "__name__", value))
def test_every_public_method_is_documented(owner, name):
    text = inspect.getdoc(getattr(owner, name))
    assert text, "there is no docstring"
    first = text.splitlines()[0]
    assert re.fullmatch(r"[A-Z].*[.:]", first) or not first.endswith("."), f"the first line is no sentence: {first}"
    assert re.search(r"^\.\. versionadded:: \d+\.\d+$", text, re.MULTILINE), "versionadded is missing"


@pytest.mark.parametrize("name", sorted(calls(Client)))
def test_every_argument_of_a_call_is_described(name):
    call = getattr(Client, name)
    text = inspect.getdoc(call)
    described = set(re.findall(r"^ {4}\*{0,2}(\w+)[:,]", text, re.MULTILINE))
    for line in re.findall(r"^ {4}((?:\w+, )+\w+):", text, re.MULTILINE):
        described |= set(line.split(", "))
    arguments = [argument for argument, _, _ in shape(call) if argument != "self"]
    assert set(arguments) <= described


def test_every_public_class_is_documented():
    for name in zkc.__all__:
        value = getattr(zkc, name)
        # The errors are one table, all as old as it.
        if inspect.isclass(value) and not issubclass(value, zkc.ZooKeeperError):
            assert value.__doc__, name
            assert "versionadded" in value.__doc__, name


def test_the_stubs_of_the_calls_are_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "stubs.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("owner", [AsyncClient, Submit])
def test_the_calls_say_what_they_return_there(owner):
    wrapper = "AsyncFuture" if owner is AsyncClient else "Future"
    hint = owner.exists.__annotations__["return"]
    assert hint == f"{wrapper}[Optional[Stat]]"
    assert owner.exists.__qualname__ == f"{owner.__name__}.exists"
