"""File objects for libyal's libraries to read from."""

from __future__ import annotations

from abc import ABC, abstractmethod


class FileObject(ABC):
    """A read-only file object; subclasses provide the bytes.

    :param length: its size in bytes.
    :param most: the most bytes a library may read at once.
    """

    def __init__(self, length: int, most: int) -> None:
        self._length = length
        self._most = most
        self._at = 0

    @abstractmethod
    def _read_at(self, offset: int, length: int) -> bytes:
        """At least one byte from this offset, which is within the file."""

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes; all that are left if negative."""
        left = max(0, self._length - self._at)
        size = left if size < 0 else min(size, left)
        if size > self._most:
            raise OSError(f"a read of {size} bytes")
        if size == 0:
            return b""
        data = self._read_at(self._at, size)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position and return it."""
        base = {0: 0, 1: self._at, 2: self._length}[whence]
        if base + offset < 0:
            raise OSError("a seek to before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def get_size(self) -> int:
        """The size in bytes."""
        return self._length
