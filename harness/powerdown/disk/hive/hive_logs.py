"""Replay of a registry hive's transaction logs.

After a hard stop, writes of up to the last hour are only in ``.LOG1`` and ``.LOG2``; Windows
replays them at its next start. Formats and rules: Maxim Suhanov, "Windows registry file format
specification", "Format of transaction log files" and below, both the old format (up to Windows 8)
and the new one.

Implemented here because existing libraries do less: libregf and hivex do not read logs; regipy
applies entries that are older than the hive or torn, refuses those that make a hive grow, and finds
the pages of the old format only in hives under 2 MiB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from powerdown.disk.hive.marvin import marvin32

BASE_BYTES = 4096
"""The base block; the hive's bins follow it."""
HEAD_BYTES = BASE_BYTES + 32
"""The part of a hive that :func:`replay` needs: its base block and the header of its first bin."""
MOST_LOG_BYTES = 1 << 26
"""Limit of a log's size: Windows switches to the other log long before."""
LOG_SUFFIXES = (".LOG1", ".LOG2", ".LOG")
"""Suffixes of a hive's logs; the last one is used before Vista."""

_MAGIC = b"regf"
_SECTOR = 512
_PAGE = 4096
_BASE = struct.Struct("<4sIIQIIIIII")
"""Signature, primary and secondary sequence number, timestamp, major and minor version, file type,
file format, root cell, size of the bins."""
_CHECKSUM_AT = 508
_TYPE_AT = 28
_PRIMARY = 0
_OLD_TYPES, _NEW_TYPE = (1, 2), 6
_BIN_TIMESTAMP_AT = BASE_BYTES + 20

_VECTOR_MAGIC = b"DIRT"
_ENTRY_MAGIC = b"HvLE"
_ENTRY = struct.Struct("<4sIIIIIQQ")
"""Signature, size, flags, sequence number, size of the bins, number of pages, two hashes."""
_ENTRY_HASHED = 32
_REFERENCE = struct.Struct("<II")
_MOST_HASHED_BYTES = 1 << 22
"""Hashing that much takes a second; beyond it only the hashes of headers are checked."""


@dataclass(frozen=True)
class Page:
    """Bytes to write at an offset of a hive's file."""

    offset: int
    data: bytes


@dataclass(frozen=True)
class Replay:
    """The result of replaying a hive's logs.

    :param pages: the pages to write, in order; empty when there is nothing to replay.
    :param size: the least size of the hive's file, in bytes.
    :param notes: what was found and done, for people.
    """

    pages: tuple[Page, ...] = ()
    size: int = 0
    notes: tuple[str, ...] = ()

    def applied_to(self, content: bytes) -> bytes:
        """The hive's file with the pages applied."""
        recovered = bytearray(content.ljust(self.size, b"\0"))
        for page in self.pages:
            recovered[page.offset : page.offset + len(page.data)] = page.data
        return bytes(recovered)


@dataclass(frozen=True)
class BaseBlock:
    """The base block of a hive, or the first sector of that of a log.

    :param primary: sequence number of the last write begun.
    :param secondary: sequence number of the last write completed.
    :param timestamp: time of the last write, a FILETIME.
    :param kind: 0 for a hive, otherwise a log.
    :param bins_bytes: size of the hive's bins.
    :param sound: whether its signature and checksum are valid.
    """

    primary: int
    secondary: int
    timestamp: int
    kind: int
    bins_bytes: int
    sound: bool

    @classmethod
    def of(cls, data: bytes) -> Self | None:
        """The base block at the start of ``data``; ``None`` when it is incomplete."""
        if len(data) < _SECTOR:
            return None
        magic, primary, secondary, timestamp, _, _, kind, _, _, size = _BASE.unpack_from(data)
        (checksum,) = struct.unpack_from("<I", data, _CHECKSUM_AT)
        sound = magic == _MAGIC and checksum == base_checksum(data)
        return cls(primary, secondary, timestamp, kind, size, sound)

    @property
    def dirty(self) -> bool:
        """Whether a hive with this base block needs its logs."""
        return not self.sound or self.primary != self.secondary


def base_checksum(data: bytes | bytearray) -> int:
    """The checksum of a base block: the XOR of its first 127 words; -1 and 0 are replaced."""
    checksum = 0
    for (word,) in struct.iter_unpack("<I", data[:_CHECKSUM_AT]):
        checksum ^= word
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(checksum, checksum)


def is_dirty(head: bytes) -> bool:
    """Whether a hive was being written, so that its logs apply.

    :param head: its first :data:`HEAD_BYTES`.
    """
    base = BaseBlock.of(head)
    return base is None or base.dirty


def replay(head: bytes, logs: Sequence[tuple[str, bytes]]) -> Replay:
    """Replay the logs of a hive.

    :param head: the hive's first :data:`HEAD_BYTES`.
    :param logs: name and content of each log, ``.LOG1`` before ``.LOG2``.
    """
    hive = BaseBlock.of(head)
    if hive is None or not hive.dirty:
        return Replay()
    why = (
        f"sequence numbers {hive.primary} and {hive.secondary}"
        if hive.sound
        else "its base block is damaged"
    )
    found = [log for name, data in logs if (log := _Log.of(name, data)) is not None]
    done = _replay_new(head, hive, found) or _replay_old(head, hive, found)
    if done is None:
        names = ", ".join(name for name, data in logs if data) or "none found"
        return Replay(notes=(f"was being written ({why}); no log matches it ({names})",))
    return Replay(done.pages, done.size, (f"was being written ({why}): {done.notes[0]}",))


@dataclass(frozen=True)
class _Log:
    name: str
    data: bytes
    base: BaseBlock

    @classmethod
    def of(cls, name: str, data: bytes) -> Self | None:
        base = BaseBlock.of(data)
        if base is None or not base.sound or base.primary != base.secondary:
            return None
        return cls(name, data[:MOST_LOG_BYTES], base)


@dataclass(frozen=True)
class _Entry:
    number: int
    bins_bytes: int
    pages: tuple[Page, ...]


def _replay_new(head: bytes, hive: BaseBlock, logs: Sequence[_Log]) -> Replay | None:
    """Replay logs of the new format, starting with the one that has the earlier entries."""
    budget = _HashBudget()
    usable = [
        (log, held)
        for log in logs
        if log.base.kind == _NEW_TYPE
        and not (hive.sound and log.base.primary < hive.secondary)
        and (held := list(_entries(log, budget)))
    ]
    usable.sort(key=lambda item: item[0].base.primary)
    if not usable:
        return None
    if not hive.sound:
        # It is not known then whether the earlier entries reached the hive.
        usable = usable[-1:]
    pages: list[Page] = []
    entries: list[_Entry] = []
    names: list[str] = []
    for log, more in usable:
        if entries and more[0].number != entries[-1].number + 1:
            break
        entries += more
        names.append(log.name)
    for entry in entries:
        pages += entry.pages
    newest = entries[-1]
    base = _new_base(
        head if hive.sound else usable[0][0].data, number=newest.number, size=newest.bins_bytes
    )
    note = f"{len(entries)} entries of {' and '.join(names)} replayed"
    if budget.spent:
        note += ", some without checking their hash"
    return Replay((*pages, Page(0, base)), BASE_BYTES + newest.bins_bytes, (note,))


@dataclass
class _HashBudget:
    left: int = _MOST_HASHED_BYTES
    spent: bool = False

    def allows(self, length: int) -> bool:
        if length > self.left:
            self.spent = True
            return False
        self.left -= length
        return True


def _entries(log: _Log, budget: _HashBudget) -> Iterator[_Entry]:
    """The log's entries in order, up to the first invalid one."""
    at, number = _SECTOR, log.base.primary
    while at + _ENTRY.size <= len(log.data):
        entry = _entry(log.data, at, number, budget)
        if entry is None:
            return
        yield entry[0]
        at += entry[1]
        number = (number + 1) & 0xFFFFFFFF


def _entry(data: bytes, at: int, number: int, budget: _HashBudget) -> tuple[_Entry, int] | None:
    magic, size, _, has, bins, count, first, second = _ENTRY.unpack_from(data, at)
    sound = magic == _ENTRY_MAGIC and has == number and size % _SECTOR == 0 and bins % _PAGE == 0
    if not sound or not _ENTRY.size <= size <= len(data) - at:
        return None
    if marvin32(data[at : at + _ENTRY_HASHED]) != second:
        return None
    body = data[at + _ENTRY.size : at + size]
    if budget.allows(len(body)) and marvin32(body) != first:
        return None
    if count * _REFERENCE.size > len(body):
        return None
    pages: list[Page] = []
    begin = count * _REFERENCE.size
    for offset, length in _REFERENCE.iter_unpack(body[:begin]):
        if begin + length > len(body) or offset + length > bins:
            return None
        pages.append(Page(BASE_BYTES + offset, body[begin : begin + length]))
        begin += length
    return _Entry(number, bins, tuple(pages)), size


def _replay_old(head: bytes, hive: BaseBlock, logs: Sequence[_Log]) -> Replay | None:
    """Replay the first log of the old format that belongs to the hive's last write."""
    timestamp = hive.timestamp
    if not hive.sound:
        if len(head) < HEAD_BYTES:
            return None
        (timestamp,) = struct.unpack_from("<Q", head, _BIN_TIMESTAMP_AT)
    for log in logs:
        if log.base.kind not in _OLD_TYPES or log.base.timestamp != timestamp:
            continue
        pages = _dirty_pages(log)
        if pages is None:
            continue
        number = max(hive.primary, log.base.primary) if hive.sound else log.base.primary
        source = head if hive.sound else log.data
        base = _new_base(source, number=number, size=log.base.bins_bytes)
        note = f"{len(pages)} pages of {log.name} replayed"
        return Replay((*pages, Page(0, base)), BASE_BYTES + log.base.bins_bytes, (note,))
    return None


def _dirty_pages(log: _Log) -> list[Page] | None:
    """The pages of a log of the old format; ``None`` when it is incomplete."""
    size = log.base.bins_bytes
    vector_bytes = size // _SECTOR // 8
    begin = _SECTOR + len(_VECTOR_MAGIC)
    vector = log.data[begin : begin + vector_bytes]
    if size % _PAGE or log.data[_SECTOR:begin] != _VECTOR_MAGIC or len(vector) < vector_bytes:
        return None
    at = -(-(begin + vector_bytes) // _SECTOR) * _SECTOR
    pages: list[Page] = []
    for index, byte in enumerate(vector):
        for bit in range(8) if byte else ():
            if not byte >> bit & 1:
                continue
            data = log.data[at : at + _SECTOR]
            if len(data) < _SECTOR:
                return None
            pages.append(Page(BASE_BYTES + (index * 8 + bit) * _SECTOR, data))
            at += _SECTOR
    return pages


def _new_base(source: bytes, *, number: int, size: int) -> bytes:
    """The first sector of a recovered hive."""
    base = bytearray(source[:_SECTOR])
    struct.pack_into("<II", base, 4, number, number)
    struct.pack_into("<I", base, _TYPE_AT, _PRIMARY)
    struct.pack_into("<I", base, 40, size)
    struct.pack_into("<I", base, _CHECKSUM_AT, base_checksum(base))
    return bytes(base)
