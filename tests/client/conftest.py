"""The fixtures of this folder's tests, some of which are coroutine functions."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Optional

import pytest

from .fix_clients import (  # noqa: F401
    client,
    data,
    events,
    expire,
    expire_zk,
    hosts,
    kind,
    loop,
    make_client_through,
    make_zk,
    mended,
    names,
    other_client,
    other_zk,
    proxy,
    small,
    start_zk,
    through,
    zk,
)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Optional[bool]:
    """Run a test that is a coroutine function in the loop of its fixtures."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    own: Any = pyfuncitem.funcargs.get("loop")
    body = pyfuncitem.obj(**arguments)
    arguments.clear()  # The traceback of what a callback raised, which is logged, refers to this frame for longer.
    if own is None:
        asyncio.run(body)
    else:
        own.run_until_complete(body)
    return True
