"""ACLs as text and as records, and what an identity may do by an ACL."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zkc import ACL

__all__ = ["acl_record", "allowed", "letters_of", "text_of"]

_LETTERS = "cdrwa"


def letters_of(perms: int) -> str:
    """Return permissions as letters of ``cdrwa``."""
    from zkc import Perms

    bits = (Perms.CREATE, Perms.DELETE, Perms.READ, Perms.WRITE, Perms.ADMIN)
    return "".join(letter for letter, bit in zip(_LETTERS, bits) if perms & bit)


def text_of(entry: ACL) -> str:
    """Return an entry as ``scheme:id:permissions``."""
    return f"{entry.scheme}:{entry.id}:{letters_of(entry.perms)}"


def acl_record(acl: Iterable[ACL]) -> list[dict[str, Any]]:
    """Return an ACL as JSON has it."""
    return [{"scheme": each.scheme, "id": each.id, "perms": letters_of(each.perms)} for each in acl]


def allowed(acl: Sequence[ACL], scheme: str, name: str) -> str:
    """Return what an identity may do by an ACL, as letters of ``cdrwa``.

    The identity of a digest may be given as the user's name alone, without the hash.
    """
    perms = 0
    for entry in acl:
        if (entry.scheme == "world" and entry.id == "anyone") or _is(entry, scheme, name):
            perms |= entry.perms
    return letters_of(perms)


def _is(entry: ACL, scheme: str, name: str) -> bool:
    if entry.scheme != scheme:
        return False
    if scheme == "ip":
        return _in_network(name, entry.id)
    if scheme == "digest" and ":" not in name:
        return entry.id.partition(":")[0] == name
    return entry.id == name


def _in_network(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return address == network
