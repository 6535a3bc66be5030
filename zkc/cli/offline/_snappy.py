"""Snappy as Java writes it: a magic, two version numbers, and blocks, each with its compressed length before it.

A block is the number of its bytes, then elements: bytes as they are, or a copy of earlier bytes of the block.
"""

from __future__ import annotations

from collections.abc import Iterator

from zkc.cli.offline._reader import LONGEST, Reader

__all__ = ["MAGIC", "blocks", "decompress"]

MAGIC = b"\x82SNAPPY\0"
_HEADER = len(MAGIC) + 8  # With the version, and the oldest version that can read it.
_LARGEST = 32 << 20  # Bytes of a block: Java writes blocks of 32 KiB.


def blocks(compressed: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of a file, block by block.

    Raises:
        DamagedError: The file is damaged.
        TruncatedError: The file ends within a block.
    """
    reader = Reader(compressed)
    reader.doing = "the header of snappy"
    if reader.take(_HEADER)[: len(MAGIC)] != MAGIC:
        raise reader.damaged("no magic of snappy", 0)
    number = 0
    while reader.rest(1):
        number += 1
        reader.doing = f"block {number:,} of snappy"
        start = reader.offset
        if reader.rest(len(MAGIC)) == MAGIC:  # Two files of snappy, one after the other, are one.
            reader.take(_HEADER)
            continue
        length = reader.int4()
        if not 0 <= length <= LONGEST:
            raise reader.damaged(f"no block has {length:,} bytes", start)
        block = reader.rest(length)
        try:
            yield decompress(block, cut=len(block) < length)
        except ValueError as error:
            raise reader.damaged(str(error), start) from None
        reader.take(length)


def decompress(block: bytes, *, cut: bool = False) -> bytes:
    """Return the content of one block.

    Args:
        block: The block.
        cut: Whether the end of the block is missing. What can be read is returned.

    Raises:
        ValueError: The block is damaged.
    """
    if cut and len(block) < 5:
        return b""
    size, at = _varint(block)
    if size > _LARGEST:
        raise ValueError(f"a block says that it holds {size:,} bytes")
    made = bytearray()
    end = len(block)
    while at < end:
        tag = block[at]
        at += 1
        kind = tag & 3
        if kind == 0:
            length = (tag >> 2) + 1
            if length > 60:
                extra = length - 60
                length = int.from_bytes(block[at : at + extra], "little") + 1
                at += extra
            if at + length > end and not cut:
                raise ValueError("a block ends too early")
            made += block[at : at + length]
            at += length
        else:
            if kind == 1:
                length = ((tag >> 2) & 7) + 4
                back = ((tag >> 5) << 8) | int.from_bytes(block[at : at + 1], "little")
                at += 1
            else:
                length = (tag >> 2) + 1
                wide = 2 if kind == 2 else 4
                back = int.from_bytes(block[at : at + wide], "little")
                at += wide
            if cut and at > end:
                break
            if not 0 < back <= len(made) or at > end:
                raise ValueError("a block refers to bytes before its begin")
            if back >= length:
                start = len(made) - back
                made += made[start : start + length]
            else:  # The copy repeats what it has just written.
                piece = bytes(made[-back:])
                made += (piece * (length // back + 1))[:length]
        if len(made) > size:
            raise ValueError(f"a block holds more than the {size:,} bytes that it says")
    if len(made) != size and not cut:
        raise ValueError(f"a block holds {len(made):,} bytes instead of {size:,}")
    return bytes(made)


def _varint(block: bytes) -> tuple[int, int]:
    """Return the number at the begin of a block, seven bits a byte, and where it ends."""
    number = 0
    for index, byte in enumerate(block[:5]):
        number |= (byte & 127) << (7 * index)
        if byte < 128:
            return number, index + 1
    raise ValueError("a block has no size")
