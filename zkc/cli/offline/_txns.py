"""The transactions of a log: what the bytes of a record say, as records of the command line.

A record has a header, a body that depends on the type, and since 3.6 the digest of the tree after the transaction.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Optional

from zkc.cli._records import data_record, hex_text
from zkc.cli._text import time_text
from zkc.cli.offline._reader import LONGEST, DamagedError, Reader, TruncatedError
from zkc.cli.offline._snapshot import raw_acl

__all__ = ["HEAD_SIZE", "NAMES", "Head", "Operation", "Txn", "decode", "head_of"]

NAMES = {
    1: "create",
    2: "delete",
    5: "set_data",
    7: "set_acl",
    13: "check",
    14: "multi",
    15: "create",  # With the stat in the reply: the log has the same.
    16: "reconfig",
    19: "create_container",
    20: "delete_container",
    21: "create_ttl",
    -1: "error",
    -10: "create_session",
    -11: "close_session",
}
"""The types of transactions by their numbers."""

_HEADER = struct.Struct(">qiqqi")
HEAD_SIZE = _HEADER.size
_DIGEST = struct.Struct(">iq")
_last_acl: tuple[bytes, list[dict[str, Any]]] = (b"", [])  # As a record has it, and as JSON has it.


class Operation(NamedTuple):
    """One change of a transaction: a transaction has one, or those of a multi."""

    type: str
    path: Optional[str]
    facts: dict[str, Any]
    """More facts, as JSON has them, without the data."""
    data: Optional[bytes] = None
    has_data: bool = False

    def record(self) -> dict[str, Any]:
        """Return the operation as JSON has it."""
        made: dict[str, Any] = {"type": self.type}
        if self.path is not None:
            made["path"] = self.path
        if self.has_data:
            made.update(data_record(self.data))
        return {**made, **self.facts}


class Txn(NamedTuple):
    """A transaction."""

    zxid: int
    time: int
    session: int
    cxid: int
    type: str
    operations: list[Operation]
    digest: Optional[tuple[int, int]]
    """The version of the digest, and the digest of the tree."""

    @property
    def paths(self) -> list[str]:
        """The paths of all znodes that it changes or checks."""
        paths = [each.path for each in self.operations if each.path is not None]
        return paths + [path for each in self.operations for path in each.facts.get("paths", ())]

    def record(self) -> dict[str, Any]:
        """Return the transaction as JSON has it."""
        made: dict[str, Any] = {
            "zxid": hex_text(self.zxid),
            "time": time_text(self.time),
            "session": hex_text(self.session),
            "cxid": self.cxid,
            "type": self.type,
        }
        if self.type == "multi":
            made["operations"] = [each.record() for each in self.operations]
        else:
            for each in self.operations:
                made.update(each.record())
        if self.digest is not None:
            made["digest_version"], made["digest"] = self.digest[0], hex_text(self.digest[1])
        return made


class Head(NamedTuple):
    """The header of a transaction."""

    session: int
    cxid: int
    zxid: int
    time: int
    number: int
    """The type: see :data:`NAMES`."""


def head_of(content: bytes) -> Head:
    """Return the header of the transaction in a record.

    Raises:
        DamagedError: The record is too short for one.
    """
    if len(content) < _HEADER.size:
        raise DamagedError(f"a transaction has {_HEADER.size} bytes or more, not {len(content)}", 0)
    return Head(*_HEADER.unpack_from(content))


def decode(content: bytes) -> Txn:
    """Return the transaction in a record.

    Raises:
        DamagedError: The record is no transaction.
    """
    session, cxid, zxid, time, number = head_of(content)
    body = content[_HEADER.size :]
    name = NAMES.get(number, f"type_{number}")
    operations, left = _body(number, name, body)
    digest = _DIGEST.unpack(left) if len(left) == _DIGEST.size else None
    return Txn(zxid, time, session, cxid, name, operations, digest)


def _body(number: int, name: str, body: bytes) -> tuple[list[Operation], bytes]:
    """Return the operations of a body, and what follows them: a digest or nothing."""
    if number == -11:  # Before 3.6, and where that is turned off, it has no body.
        with suppress(DamagedError):
            operations, left = _parsed(_close_session, name, body)
            if len(left) in (0, _DIGEST.size):
                return operations, left
        return [Operation(name, None, {})], body
    if number == 1:
        with suppress(TruncatedError):  # Before 3.4 it had no number of changes of the parent.
            operations, left = _parsed(_create, name, body)
            if len(left) in (0, _DIGEST.size):
                return operations, left
        return _parsed(_old_create, name, body)
    parse = _BODIES.get(number)
    if parse is None:
        return [Operation(name, None, {"bytes": len(body)})], b""
    return _parsed(parse, name, body)


def _parsed(parse: Callable[[Reader, str], Any], name: str, body: bytes) -> tuple[list[Operation], bytes]:
    reader = Reader(iter([body]))
    reader.doing = f"the {name} of a transaction"
    made = parse(reader, name)
    return made if isinstance(made, list) else [made], body[reader.offset :]


def _acl(reader: Reader) -> list[dict[str, Any]]:
    """Read an ACL. Most are the same as the one before, and to compare is quicker than to read."""
    global _last_acl
    content, record = _last_acl
    if content and reader.rest(len(content)) == content:
        reader.take(len(content))
        return record
    from zkc.cli.security._access import acl_record

    left = reader.rest(LONGEST)
    start = reader.offset
    record = acl_record(raw_acl(reader))
    _last_acl = left[: reader.offset - start], record
    return record


def _old_create(reader: Reader, name: str) -> Operation:
    path, data, acl = reader.text(), reader.field(), _acl(reader)
    return Operation(name, path, {"acl": acl, "ephemeral": reader.take(1) != b"\0"}, data, True)


def _create(reader: Reader, name: str) -> Operation:
    made = _old_create(reader, name)
    return made._replace(facts={**made.facts, "parent_cversion": reader.int4()})


def _create_container(reader: Reader, name: str) -> Operation:
    path, data, acl = reader.text(), reader.field(), _acl(reader)
    return Operation(name, path, {"acl": acl, "parent_cversion": reader.int4()}, data, True)


def _create_ttl(reader: Reader, name: str) -> Operation:
    made = _create_container(reader, name)
    return made._replace(facts={**made.facts, "ttl": reader.int8() / 1000})


def _delete(reader: Reader, name: str) -> Operation:
    return Operation(name, reader.text(), {})


def _set_data(reader: Reader, name: str) -> Operation:
    path, data = reader.text(), reader.field()
    return Operation(name, path, {"version": reader.int4()}, data, True)


def _set_acl(reader: Reader, name: str) -> Operation:
    path, acl = reader.text(), _acl(reader)
    return Operation(name, path, {"acl": acl, "aversion": reader.int4()})


def _check(reader: Reader, name: str) -> Operation:
    return Operation(name, reader.text(), {"version": reader.int4()})


def _error(reader: Reader, name: str) -> Operation:
    code = reader.int4()
    return Operation(name, None, {"error": _error_name(code), "code": code})


def _error_name(code: int) -> str:
    if code == 0:
        return "ok"
    from zkc.cli._errors import name_of
    from zkc.errors._make import error_for

    return name_of(error_for(code))


def _create_session(reader: Reader, name: str) -> Operation:
    return Operation(name, None, {"timeout": reader.int4() / 1000})


def _close_session(reader: Reader, name: str) -> Operation:
    return Operation(name, None, {"paths": [reader.text() for _ in range(reader.count())]})


def _multi(reader: Reader, name: str) -> list[Operation]:
    made: list[Operation] = []
    for _ in range(reader.count()):
        number, body = reader.int4(), reader.field() or b""
        inner = NAMES.get(number, f"type_{number}")
        if number == 14:
            raise reader.damaged("a multi has no multi in it")
        made += _body(number, inner, body)[0]
    return made


_BODIES: dict[int, Callable[[Reader, str], Any]] = {
    2: _delete,
    5: _set_data,
    7: _set_acl,
    13: _check,
    14: _multi,
    15: _create,
    16: _set_data,
    19: _create_container,
    20: _delete,
    21: _create_ttl,
    -1: _error,
    -10: _create_session,
}
