"""A part of a disk as a file object, which is how libyal's libraries read."""

from __future__ import annotations

from typing import Protocol

from harness.disk.partitions import Partition

_MOST_READ_BYTES = 1 << 24
"""The most the library may ask for at once."""


class Disk(Protocol):
    """What is read of: :class:`~harness.disk.disk_image.DiskImage`, or a file's bytes in tests."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Read that much, or raise DiskError."""


class PartitionFile:
    """A part of a disk as a file object, which is how libyal's libraries read."""

    def __init__(self, disk: Disk, partition: Partition) -> None:
        self._disk = disk
        self._begin = partition.offset
        self._length = max(0, min(partition.length, disk.size - partition.offset))
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes."""
        left = max(0, self._length - self._at)
        size = left if size < 0 else min(size, left)
        if size > _MOST_READ_BYTES:
            raise OSError(f"a read of {size} bytes")
        data = self._disk.read(self._begin + self._at, size)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to an offset."""
        base = {0: 0, 1: self._at, 2: self._length}[whence]
        if base + offset < 0:
            raise OSError("a seek to before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def get_size(self) -> int:
        """Its length."""
        return self._length
