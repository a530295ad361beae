"""The chunks of an ``.evtx`` file and the locations of their records, found without decoding them.

An ``.evtx`` file is a header of 4096 bytes and chunks of 64 KiB. Each chunk has a header of 512
bytes, and consecutive records up to its free space. A record is ``**\\0\\0``, its size,
its number, its time (FILETIME), its content in binary XML, and its size again. Source: libevtx,
documentation/Windows XML Event Log (EVTX).asciidoc.

A log that was not closed (after a power cut) has stale numbers in its headers, and a full log wraps
around to its first chunk. So nothing in the headers is relied on except the magic.
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
    """Number and time in the header of a record.

    :param created: by the guest's clock, UTC.
    """

    record_id: int
    created: datetime


@dataclass(frozen=True)
class Chunk:
    """One chunk, repaired so that a parser finds every complete record.

    :param data: :data:`CHUNK_SIZE` bytes.
    :param stamps: stamps of its records, in order.
    :param damaged: number of places where record boundaries could not be found.
    """

    data: bytes
    stamps: tuple[Stamp, ...]
    damaged: int


@dataclass(frozen=True)
class Chunks:
    """The parts of an ``.evtx`` file.

    :param lost: number of ranges of the file, of a chunk's size at most, with other content.
    """

    found: tuple[Chunk, ...]
    lost: int


def chunks_of(data: bytes) -> Chunks:
    """The chunks of a file, in order. Never raises."""
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
    repaired = bytearray(data.ljust(CHUNK_SIZE, b"\0"))
    (claimed,) = _SIZE.unpack_from(repaired, _FREE_SPACE_AT)
    stamps: list[Stamp] = []
    damaged = 0
    at = _CHUNK_HEADER_SIZE
    while at <= CHUNK_SIZE - _SMALLEST_RECORD:
        size = _record_size(repaired, at)
        if size is not None and (at < claimed or _follows(repaired, at, stamps)):
            stamp = _stamp(repaired, at)
            stamps += [] if stamp is None else [stamp]
            at += size
            continue
        after = next(_records_behind(repaired, at, claimed), None)
        if after is None:
            # The free space contains zeros or old records, which are ignored.
            damaged += any(repaired[at : min(claimed, CHUNK_SIZE)])
            break
        damaged += 1
        _bridge(repaired, at, after)
        at = after
    _SIZE.pack_into(repaired, _FREE_SPACE_AT, min(at, CHUNK_SIZE))
    # The package also stops at the record with this number, and follows a circular table of names
    # for ever. Without the table it finds each name where it is used.
    repaired[_LAST_NUMBER] = b"\xff" * 8
    repaired[_NAMES] = bytes(_NAMES.stop - _NAMES.start)
    if len(data) < claimed <= CHUNK_SIZE:
        damaged = max(1, damaged)
    return Chunk(bytes(repaired), tuple(stamps), damaged)


def _record_size(chunk: bytearray, at: int) -> int | None:
    """The size of the record there; ``None`` if there is no complete one."""
    magic, size, _, _ = _RECORD_HEADER.unpack_from(chunk, at)
    if magic != _RECORD_MAGIC or not _SMALLEST_RECORD <= size <= CHUNK_SIZE - at:
        return None
    (again,) = _SIZE.unpack_from(chunk, at + size - _SIZE.size)
    return size if again == size else None


def _follows(chunk: bytearray, at: int, stamps: list[Stamp]) -> bool:
    """Whether a record beyond the header's count is the next one rather than an old one."""
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
        # There must be room for the header of a record that covers the unreadable part.
        if place - at >= _SMALLEST_RECORD and _record_size(chunk, place) is not None:
            yield place
        place = chunk.find(_RECORD_MAGIC, place + 1)


def _bridge(chunk: bytearray, start: int, end: int) -> None:
    """Cover an unreadable part with one record, because parsers follow the sizes of records.

    Names and templates in it that other records refer to stay in place.
    """
    size = end - start
    chunk[start : start + _RECORD_HEADER.size] = _RECORD_HEADER.pack(_RECORD_MAGIC, size, 0, 0)
    _SIZE.pack_into(chunk, end - _SIZE.size, size)
