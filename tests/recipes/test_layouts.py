"""Locks on a path with contenders of more than one layout. Scenario 35, without the programs that make them."""

from __future__ import annotations

import pytest

from zkc.recipes import LayoutError

from ..client.both import eventually
from .lock_support import do

PATH = "/lock"
CURATORS = f"{PATH}/_c_6a9b1f8c-53a1-4d2f-9d5e-0f3c8c1b7a11-lock-"
KAZOOS = f"{PATH}/0123456789abcdef0123456789abcdef__lock__"


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
@pytest.mark.parametrize("call", ["acquire", "try_acquire"])
async def test_a_busy_path_with_both_layouts_is_refused(zk, client, layout, call):
    """A try does not report such a path as busy: both holders hold, and the program must learn of that."""
    for prefix in (CURATORS, KAZOOS):
        client.create(prefix, ephemeral=True, sequential=True, make_parents=True)
    before = sorted(client.children(PATH))
    lock = zk.inner.lock(PATH, layout=layout)
    with pytest.raises(LayoutError, match="layout"):
        await do(zk, getattr(lock, call), timeout=10)
    multiple = zk.inner.multilock([PATH], layout=layout)
    with pytest.raises(LayoutError, match="layout"):
        await do(zk, getattr(multiple, call), timeout=10)
    if call == "acquire":  # Its own znode is deleted in the background.
        await eventually(lambda: len(client.children(PATH)) == 2)
    assert sorted(client.children(PATH)) == before
