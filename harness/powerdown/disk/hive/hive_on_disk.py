"""A registry hive on a disk: its content, its logs, and where on the disk each byte is."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from powerdown.core.errors import DiskError
from powerdown.disk.hive.hive_logs import (
    HEAD_BYTES,
    LOG_SUFFIXES,
    MOST_LOG_BYTES,
    BaseBlock,
    is_dirty,
    replay,
)
from powerdown.disk.image.image_reader import SECTOR_BYTES
from powerdown.disk.ntfs.windows_volume import Extent, WindowsVolume

_MOST_BYTES = 256 << 20
"""SOFTWARE of a well-used system has some 150 MiB."""

_ENTRY_MAGIC = b"HvLE"
_ENTRY_NUMBER_AT = 12


@dataclass(frozen=True)
class HiveOnDisk:
    """One hive.

    :param content: its file.
    :param recovered: the file with its logs replayed, as after Windows' next start.
    :param room: how many bytes of the file may be used: beyond them NTFS reads zeros, whatever is
        on the disk.
    :param newest_log: newest sequence number in its logs; 0 without logs.
    :param extents: extents of the file on the disk.
    """

    content: bytes
    recovered: bytes
    room: int
    newest_log: int
    extents: tuple[Extent, ...]

    @classmethod
    def read(cls, volume: WindowsVolume, path: str) -> Self:
        """Read the hive at ``path`` of a volume.

        :raise DiskError: the file does not exist, or cannot be changed in place.
        """
        file = volume.find(path)
        if file is None:
            raise _refused(path, "there is no such file")
        if not 0 < file.size <= _MOST_BYTES:
            raise _refused(path, f"it has {file.size} bytes")
        content = file.read(_MOST_BYTES)
        logs = [
            (suffix, log.read(MOST_LOG_BYTES))
            for suffix in LOG_SUFFIXES
            if (log := volume.find(path + suffix)) is not None
        ]
        recovered = content
        if is_dirty(content[:HEAD_BYTES]):
            recovered = replay(content[:HEAD_BYTES], logs).applied_to(content)
        room = min(file.size, file.initialized)
        if len(recovered) > len(content):
            raise _refused(path, "its logs would make it larger than its file")
        newest = max((newest_number(data) for _, data in logs), default=0)
        hive = cls(content, recovered, room, newest, file.extents())
        hive._check_extents(path)
        return hive

    def on_disk(self, begin: int, length: int) -> Iterator[tuple[int, int, int]]:
        """The parts of a range of the file: offset on the disk, offset in the file, and length."""
        at = 0
        for extent in self.extents:
            first, last = max(begin, at), min(begin + length, at + extent.length)
            if first < last:
                yield extent.offset + first - at, first, last - first
            at += extent.length

    def _check_extents(self, path: str) -> None:
        """Check that the file has whole sectors of its own, which small files in the MFT do not."""
        length = self.room - self.room % SECTOR_BYTES
        if any(extent.compressed for extent in self.extents):
            raise _refused(path, "NTFS stores it compressed")
        if any(extent.sparse or extent.offset % SECTOR_BYTES for extent in self.extents):
            raise _refused(path, "NTFS does not store it in whole sectors of its own")
        parts = list(self.on_disk(0, length))
        if sum(size for _, _, size in parts) != length:
            raise _refused(path, "NTFS does not store it in whole sectors of its own")


def newest_number(log: bytes) -> int:
    """The newest sequence number in a hive's log; 0 if it is not a valid log."""
    base = BaseBlock.of(log)
    if base is None or not base.sound:
        return 0
    numbers = [base.primary]
    for at in range(SECTOR_BYTES, len(log) - SECTOR_BYTES + 1, SECTOR_BYTES):
        if log[at : at + 4] == _ENTRY_MAGIC:
            numbers += struct.unpack_from("<I", log, at + _ENTRY_NUMBER_AT)
    return max(numbers)


def _refused(path: str, actual: str) -> DiskError:
    return DiskError(f"change {path} on the disk", actual, "Inject online.")
