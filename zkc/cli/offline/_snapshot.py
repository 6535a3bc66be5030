"""A snapshot of a server, in the order of its file: header, sessions, ACLs, znodes, and what seals them.

The file begins with the magic ZKSN. A znode comes after its parent, and before its parent's next child; the children of
a znode have no order. Servers since 3.6 add the digest of the tree, and servers since 3.9 the last zxid. The content,
the digest and the zxid are each followed by the checksum of all bytes before.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli.offline._content import begin_of, file_error, open_content
from zkc.cli.offline._reader import LONGEST, DamagedError, Reader, text_of

if TYPE_CHECKING:
    from zkc import ACL

__all__ = ["Digest", "RawZnode", "SnapshotFile", "is_snapshot", "owner_of", "raw_acl"]

_MAGIC = b"ZKSN"
_VERSION = 2
_NODE = struct.Struct(">qqqqqiiiqq")  # The ACL's number, and the stat as it is stored.
_SEAL = 13  # Bytes: the checksum, and the string "/".
_TAIL = 1 << 16  # More bytes than the parts behind the znodes ever have.
_MOST_ENTRIES = 100_000  # Of one ACL. A request has no room for more.
_CONTAINER = -1 << 63
_EXTENDED, _RESERVED = 0xFF << 56, 0xFFFF << 40


class RawZnode(NamedTuple):
    """A znode as the file has it."""

    path: str
    data: Optional[bytes]
    size: int
    """The bytes of data; they may have been skipped. -1 for null."""
    acl: int
    """The number of its ACL in the file."""
    czxid: int
    mzxid: int
    ctime: int
    mtime: int
    version: int
    cversion: int
    """The number of creations of children. Clients see another number."""
    aversion: int
    owner: int
    pzxid: int


class Digest(NamedTuple):
    """The digest of the tree at a zxid."""

    zxid: int
    version: int
    value: int


def is_snapshot(file: str) -> bool:
    """Return whether a file is a snapshot, compressed or not, by its first bytes.

    Raises:
        CommandError: The file cannot be read.
    """
    return begin_of(file, len(_MAGIC)) == _MAGIC


def owner_of(owner: int) -> tuple[str, int, Optional[float]]:
    """Return what the owner of a znode in a file means: its type, the session for clients, and its TTL in seconds."""
    if owner == 0:
        return "persistent", 0, None
    if owner == _CONTAINER:
        return "container", 0, None
    # The sessions of a server with the number 255 begin like a TTL. Their next two bytes are not zero.
    if owner & (_EXTENDED | _RESERVED) == _EXTENDED:
        return "ttl", 0, (owner & ((1 << 40) - 1)) / 1000
    return "ephemeral", owner, None


class SnapshotFile:
    """An open snapshot file: a context manager.

    The attributes are known when the file is open, except for :attr:`digest`, :attr:`last_zxid` and :attr:`complete`,
    which follow the znodes.

    Args:
        file: The path of the file.

    Raises:
        CommandError: The file cannot be read, or is no snapshot.
        DamagedError: It is damaged before its first znode.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.znodes = 0
        """The number of znodes that were read."""
        self.digest: Optional[Digest] = None
        self.last_zxid: Optional[int] = None
        """The zxid that servers since 3.9 write at the end of the file."""
        self._path: Optional[str] = None  # Of the znode that is read, as soon as it is known.
        self.complete = False
        """Whether all was read, and the checksum was right."""
        self.damage: Optional[DamagedError] = None
        """The damage that has ended the znodes too early."""
        name = re.match(r"snapshot\.([0-9a-f]{1,16})(?:\.|$)", file.rpartition("/")[2])
        self.zxid: Optional[int] = None if name is None else int(name[1], 16)
        """The zxid in the name of the file: all changes up to it are there, and perhaps newer ones."""

    def __enter__(self) -> SnapshotFile:
        with ExitStack() as stack:
            try:
                opened = stack.enter_context(open(self.file, "rb"))
                self.compression, chunks = open_content(opened)
            except OSError as error:
                raise file_error(self.file, error) from None
            self._reader = Reader(chunks, self.file)
            self._begin()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _begin(self) -> None:
        reader = self._reader
        reader.doing = "the header"
        magic = reader.rest(len(_MAGIC))
        if not _MAGIC.startswith(magic) or (not magic and self.compression == "none"):
            what = "it is empty" if not magic else f"it begins with {magic!r} instead of {_MAGIC!r}"
            raise CommandError(f"{self.file} is no snapshot of a server: {what}", ExitCode.OTHER, name="not_a_snapshot")
        reader.take(len(_MAGIC))
        self.version = reader.int4()
        if self.version != _VERSION:
            raise reader.damaged(f"it has the version {self.version}, and zkc reads version {_VERSION}")
        self.database = reader.int8()
        reader.doing = "the list of sessions"
        self.sessions = reader.count()
        """The number of sessions."""
        reader.skip(12 * self.sessions)
        reader.doing = "the list of ACLs"
        self.acls: dict[int, tuple[ACL, ...]] = {}
        """The ACLs by their number."""
        start = reader.offset
        for _ in range(reader.count()):
            number = reader.int8()
            self.acls[number] = raw_acl(reader)
            if reader.offset - start > LONGEST:
                raise reader.damaged(f"no server has ACLs of more than {LONGEST:,} bytes")

    def acl(self, number: int) -> tuple[ACL, ...]:
        """Return the ACL of a znode."""
        found = self.acls.get(number)
        if found is not None:
            return found
        from zkc import OPEN_ACL_UNSAFE

        if number == -1:  # The open one, which no file lists.
            return OPEN_ACL_UNSAFE
        self.damage = self.damage or self.damaged(f"a znode has the ACL {number}, which is not listed")
        return ()

    def raw(self, *, with_data: bool) -> Iterator[RawZnode]:
        """Yield the znodes in the order of the file, then read what seals them.

        Args:
            with_data: Whether to read data.

        Raises:
            DamagedError: The file is damaged or ends too early. What was given before is what it has.
        """
        try:
            yield from self._raw(with_data)
        except DamagedError as damage:
            self.damage = damage
            raise

    def _raw(self, with_data: bool) -> Iterator[RawZnode]:
        reader = self._reader
        # This loop runs a million times: it reads few times, and more at once.
        take, checked, unpack = reader.take, reader.checked, _NODE.unpack
        node_size = _NODE.size
        reader.doing = self._at_znode
        while True:
            self._path = None
            size = checked(take(4))
            if size <= 1 and (size < 1 or reader.rest(1) == b"/"):
                if size == 1:
                    take(1)
                    break
                size = 0  # The root has no name.
            content = take(size + 4)
            try:
                path = content[:size].decode()
            except UnicodeDecodeError:
                path = text_of(content[:size])
            if path and (path[0] != "/" or "\0" in path):
                raise reader.damaged(f"{path[:100]!r} is no path")
            self._path = path
            size = checked(content[size:])
            if size <= 0:
                data = None if size else b""
                content = take(node_size)
            elif with_data:
                content = take(size + node_size)
                data, content = content[:size], content[size:]
            else:
                reader.skip(size)
                data, content = None, take(node_size)
            yield RawZnode(path, data, size, *unpack(content))
            self.znodes += 1
        self._end()

    def damaged(self, message: str) -> DamagedError:
        """Return an error that says where the file is damaged."""
        return self._reader.damaged(message)

    def _at_znode(self) -> str:
        return f"znode {self.znodes + 1:,}" + ("" if self._path is None else f" ({self._path or '/'})")

    def _end(self) -> None:
        reader = self._reader
        reader.doing = "the checksum of the znodes"
        self._check_seal()
        left = reader.rest(_TAIL)
        if left:
            reader.doing = "the digest of the tree"
            self._read_digest(left)
            left = reader.rest(_TAIL)
        if left:
            reader.doing = "the last zxid"
            self.last_zxid = reader.int8()
            self._check_seal()
        if reader.rest(1):
            reader.doing = "what follows the snapshot"
            raise reader.damaged("a snapshot ends here")
        self.complete = True

    def _read_digest(self, left: bytes) -> None:
        """Read the digest, unless a last zxid without a digest is there."""
        if len(left) == 8 + _SEAL:
            return
        reader = self._reader
        zxid, version = reader.int8(), reader.int4()
        if version < 2:  # 3.6.0 wrote it as text.
            text = reader.text()
            try:
                value = int(text or "0", 16)
            except ValueError:
                raise reader.damaged(f"{text[:40]!r} is no digest") from None
        else:
            value = reader.int8()
        self._check_seal()
        self.digest = Digest(zxid, version, value)

    def _check_seal(self) -> None:
        """Compare the checksum of all bytes so far with the one that follows them."""
        reader = self._reader
        actual = reader.checksum
        start = reader.offset
        expected = reader.int8()
        end = reader.text()
        if actual != expected or end != "/":
            wrong = f"the checksum is {actual:#x} instead of {expected & (1 << 64) - 1:#x}"
            raise reader.damaged(f"{wrong}: any byte before may be wrong", start)


def raw_acl(reader: Reader) -> tuple[ACL, ...]:
    """Read an ACL."""
    from zkc import ACL, Perms

    made: list[Any] = []
    count = reader.count()
    if count > _MOST_ENTRIES:
        raise reader.damaged(f"no ACL has {count:,} entries", reader.offset - 4)
    for _ in range(count):
        perms, scheme, name = reader.int4(), reader.text(), reader.text()
        try:
            made.append(ACL(Perms(perms & Perms.ALL), scheme, name))
        except ValueError as error:
            raise reader.damaged(str(error)) from None
    return tuple(made)
