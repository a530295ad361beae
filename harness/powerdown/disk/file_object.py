"""A file object, which is how libyal's libraries read."""

from __future__ import annotations

from abc import ABC, abstractmethod


class FileObject(ABC):
    """So many bytes that are read at any place; where is a subclass's matter.

    :param length: its bytes.
    :param most: how many a library may ask for at once.
    """

    def __init__(self, length: int, most: int) -> None:
        self._length = length
        self._most = most
        self._at = 0

    @abstractmethod
    def _read_at(self, offset: int, length: int) -> bytes:
        """Bytes that lie in it, one at least."""

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes."""
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
