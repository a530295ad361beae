"""The chunks of an ``.evtx`` file, and where the records in them lie: found without decoding them.

An ``.evtx`` file is a header of 4096 bytes and chunks of 64 KiB. Each chunk has a header of 512
bytes, and records behind one another up to its free space. A record is ``**\\0\\0``, its size,
its number, its time (FILETIME), its content in binary XML, and its size again. Source: libevtx,
documentation/Windows XML Event Log (EVTX).asciidoc.

A log that was not closed (the guest was cut off) has stale numbers in its headers; one that is
full begins again at its first chunk. So nothing in the headers is relied on but the magic.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FILE_MAGIC = b"ElfFile\0"
CHUNK_MAGIC = b"ElfChnk\0"
FILE_HEADER_SIZE = 4096
CHUNK_SIZE = 65536

_CHUNK_HEADER_SIZE = 512
_LAST_NUMBER = slice(32, 40)
_FREE_SPACE_AT = 48
_NAMES = slice(128, 128 + 64 * 4)
_RECORD_MAGIC = b"**\0\0"
_RECORD_HEADER = struct.Struct("<4sIQQ")
_SIZE = struct.Struct("<I")
_SMALLEST_RECORD = _RECORD_HEADER.size + _SIZE.size
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Stamp:
    """Number and time of a record, as its header has them.

    :param created: by the guest's clock, UTC.
    """

    record_id: int
    created: datetime


@dataclass(frozen=True)
class Chunk:
    """One chunk, mended so that a reader finds every record that is whole.

    :param data: :data:`CHUNK_SIZE` bytes.
    :param stamps: of the records in it, in the order they lie.
    :param damaged: places in it where records could not be told apart.
    """

    data: bytes
    stamps: tuple[Stamp, ...]
    damaged: int


@dataclass(frozen=True)
class Chunks:
    """What an ``.evtx`` file is made of.

    :param lost: stretches of the file, of a chunk's size at most, that hold something else.
    """

    found: tuple[Chunk, ...]
    lost: int


def chunks_of(data: bytes) -> Chunks:
    """The chunks of a file, in the order they lie. Never raises."""
    found: list[Chunk] = []
    lost = 0
    at = FILE_HEADER_SIZE if data.startswith(FILE_MAGIC) else 0
    while at < len(data):
        start = data.find(CHUNK_MAGIC, at)
        end = len(data) if start < 0 else start
        # A log grows by whole chunks, which are empty at first.
        lost += sum(any(data[i : min(i + CHUNK_SIZE, end)]) for i in range(at, end, CHUNK_SIZE))
        if start < 0:
            break
        found.append(_chunk(data[start : start + CHUNK_SIZE]))
        at = start + CHUNK_SIZE
    return Chunks(tuple(found), lost)


def _chunk(data: bytes) -> Chunk:
    mended = bytearray(data.ljust(CHUNK_SIZE, b"\0"))
    (claimed,) = _SIZE.unpack_from(mended, _FREE_SPACE_AT)
    stamps: list[Stamp] = []
    damaged = 0
    at = _CHUNK_HEADER_SIZE
    while at <= CHUNK_SIZE - _SMALLEST_RECORD:
        size = _record_size(mended, at)
        if size is not None and (at < claimed or _follows(mended, at, stamps)):
            stamp = _stamp(mended, at)
            stamps += [] if stamp is None else [stamp]
            at += size
            continue
        after = next(_records_behind(mended, at, claimed), None)
        if after is None:
            # Behind the free space lie zeros, or records that were there before: of no account.
            damaged += any(mended[at : min(claimed, CHUNK_SIZE)])
            break
        damaged += 1
        _bridge(mended, at, after)
        at = after
    _SIZE.pack_into(mended, _FREE_SPACE_AT, min(at, CHUNK_SIZE))
    # The package stops at the record of this number, too, and follows the table of names for ever
    # where it leads back. Without one it finds each name where it is used.
    mended[_LAST_NUMBER] = b"\xff" * 8
    mended[_NAMES] = bytes(_NAMES.stop - _NAMES.start)
    if len(data) < claimed <= CHUNK_SIZE:
        damaged = max(1, damaged)
    return Chunk(bytes(mended), tuple(stamps), damaged)


def _record_size(chunk: bytearray, at: int) -> int | None:
    """The size of the record there; ``None`` if there is none that is whole."""
    magic, size, _, _ = _RECORD_HEADER.unpack_from(chunk, at)
    if magic != _RECORD_MAGIC or not _SMALLEST_RECORD <= size <= CHUNK_SIZE - at:
        return None
    (again,) = _SIZE.unpack_from(chunk, at + size - _SIZE.size)
    return size if again == size else None


def _follows(chunk: bytearray, at: int, stamps: list[Stamp]) -> bool:
    """Whether a record behind what the header counts is the next, and not left over."""
    record_id: int = _RECORD_HEADER.unpack_from(chunk, at)[2]
    return not stamps or record_id == stamps[-1].record_id + 1


def _stamp(chunk: bytearray, at: int) -> Stamp | None:
    _, _, record_id, filetime = _RECORD_HEADER.unpack_from(chunk, at)
    try:
        created = _FILETIME_EPOCH + timedelta(microseconds=filetime // 10)
    except OverflowError:
        return None
    return Stamp(record_id, created)


def _records_behind(chunk: bytearray, at: int, claimed: int) -> Iterator[int]:
    end = min(claimed, CHUNK_SIZE) - _SMALLEST_RECORD
    place = chunk.find(_RECORD_MAGIC, at + 1)
    while 0 <= place <= end:
        # Room for the header of a record that spans what cannot be read.
        if place - at >= _SMALLEST_RECORD and _record_size(chunk, place) is not None:
            yield place
        place = chunk.find(_RECORD_MAGIC, place + 1)


def _bridge(chunk: bytearray, start: int, end: int) -> None:
    """Make what cannot be read one record: readers go from record to record by their size.

    Names and templates in it that other records refer to stay in place.
    """
    size = end - start
    chunk[start : start + _RECORD_HEADER.size] = _RECORD_HEADER.pack(_RECORD_MAGIC, size, 0, 0)
    _SIZE.pack_into(chunk, end - _SIZE.size, size)
