"""A part of a disk as a file object, which is how libyal's libraries read."""

from __future__ import annotations

from typing import Protocol

from powerdown.disk.file_object import FileObject
from powerdown.disk.image.partitions import Partition

_MOST_READ_BYTES = 1 << 24
"""The most the library may ask for at once."""


class Disk(Protocol):
    """What is read of: :class:`DiskImage`, or a file's bytes in tests."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Read that much, or raise DiskError."""


class PartitionFile(FileObject):
    """The part of a disk that a partition is, as far as the disk goes."""

    def __init__(self, disk: Disk, partition: Partition) -> None:
        length = max(0, min(partition.length, disk.size - partition.offset))
        super().__init__(length, _MOST_READ_BYTES)
        self._disk = disk
        self._begin = partition.offset

    def _read_at(self, offset: int, length: int) -> bytes:
        return self._disk.read(self._begin + offset, length)
