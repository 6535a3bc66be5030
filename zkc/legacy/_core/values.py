"""Conversions of the values of old code: str for the bytes, dicts for the ACLs of a session."""

from __future__ import annotations

from typing import Any, Optional, Union

from zkc._zookeeper import error_text, set_legacy_bytes
from zkc.legacy._core.constants import INVALIDACL, PERM_ALL
from zkc.legacy._core.exceptions import InvalidACLException, bad_arguments

Text = Union[str, bytes]
Stat = dict[str, int]
ACL = dict[str, Any]

_bytes_wanted = False


def use_bytes(flag: bool = True) -> None:
    """Have every read of data give bytes, in the whole process; False for str again."""
    global _bytes_wanted
    _bytes_wanted = bool(flag)
    set_legacy_bytes(_bytes_wanted)


def shown_data(data: Optional[bytes]) -> Any:
    """Convert the data of a reply: to str in which undecodable bytes survive, or to bytes."""
    data = data or b""
    return data if _bytes_wanted else data.decode("utf-8", "surrogateescape")


def encode_path(path: Text) -> str:
    """Convert a path to the str that a session takes."""
    return encode_text(path, "path")


def encode_text(text: Text, name: str) -> str:
    """Convert a text argument to the str that a session takes."""
    if type(text) is str:
        return text
    if isinstance(text, (bytes, bytearray)):
        return bytes(text).decode("utf-8", "surrogateescape")
    if isinstance(text, str):
        return str(text)
    raise TypeError(f"{name} must be str or bytes, not {type(text).__name__}")


def encode_data(data: Union[Text, bytearray, memoryview], name: str = "data") -> bytes:
    """Convert data to the bytes that a session takes."""
    if isinstance(data, str):
        return data.encode("utf-8", "surrogateescape")
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"{name} must be str or bytes, not {type(data).__name__}")


def encode_flags(flags: int) -> int:
    """Convert the flags of a create to the int that a session takes."""
    if not isinstance(flags, int):
        raise TypeError(f"flags must be EPHEMERAL, SEQUENCE, both or 0, not {type(flags).__name__}")
    if not 0 <= flags <= 3:
        raise bad_arguments(f"flags must be EPHEMERAL, SEQUENCE, both or 0, not {flags}")
    return int(flags)


def encode_acls(acls: list[ACL]) -> list[tuple[int, str, str]]:
    """Convert an ACL to the tuples that a session takes."""
    given: object = acls  # Old code is not typed: what is given may be anything.
    if not isinstance(given, list) or not given:
        raise _invalid_acl("an ACL is a list of dicts, and not empty", acls)
    return [_entry(acl) for acl in acls]


def _entry(acl: ACL) -> tuple[int, str, str]:
    if not isinstance(acl, dict):
        raise _invalid_acl("each entry of an ACL is a dict", acl)
    try:
        perms, scheme, ident = acl["perms"], acl["scheme"], acl["id"]
    except KeyError as missing:
        raise _invalid_acl(f"an entry of an ACL lacks {missing}", acl) from None
    if not isinstance(perms, int) or not 0 <= perms <= PERM_ALL:
        raise _invalid_acl("perms is a sum of PERM_ numbers", acl)
    if not isinstance(scheme, (str, bytes)) or not isinstance(ident, (str, bytes)):
        raise _invalid_acl("scheme and id are str", acl)
    return int(perms), encode_path(scheme), encode_path(ident)


def _invalid_acl(why: str, what: object) -> InvalidACLException:
    return InvalidACLException(f"{error_text(INVALIDACL)}: {why}: {what!r}")
