"""A partition as a file object for libyal's libraries."""

from __future__ import annotations

from typing import Protocol

from powerdown.disk.file_object import FileObject
from powerdown.disk.image.partitions import Partition

_MOST_READ_BYTES = 1 << 24
"""The most the library may read at once."""


class Disk(Protocol):
    """A disk to read: a :class:`DiskImage`, or bytes in tests."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Read exactly ``length`` bytes, or raise DiskError."""


class PartitionFile(FileObject):
    """A partition, cut off at the end of the disk."""

    def __init__(self, disk: Disk, partition: Partition) -> None:
        length = max(0, min(partition.length, disk.size - partition.offset))
        super().__init__(length, _MOST_READ_BYTES)
        self._disk = disk
        self._begin = partition.offset

    def _read_at(self, offset: int, length: int) -> bytes:
        return self._disk.read(self._begin + offset, length)
