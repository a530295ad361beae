"""A hive's file with what its logs hold, without a copy of it.

libregf looks at every bin's header when it opens a hive, a few bytes each 4 KiB: what is read is
read in large pieces, so that this goes as fast as the disk.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from harness.disk.hive_logs import Replay

MOST_HIVE_BYTES = 1 << 32
"""Cells are found by 32 bits."""
_BLOCK_BYTES = 1 << 18
_MOST_BLOCKS = 128
"""What is kept: 32 MiB."""
_MOST_READ_BYTES = 1 << 26


class Source(Protocol):
    """A file of known size."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read_at(self, offset: int, length: int) -> bytes:
        """As many bytes as there are from ``offset`` on, up to ``length``."""


class BytesSource:
    """A file that is in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._content)

    def read_at(self, offset: int, length: int) -> bytes:
        """As many bytes as there are from ``offset`` on, up to ``length``."""
        return self._content[offset : offset + length]


class HiveFile:
    """A file object, which is how libyal's libraries read.

    :param source: the hive's own file.
    :param replay: what its logs hold.
    """

    def __init__(self, source: Source, replay: Replay) -> None:
        self._source = source
        self._replay = replay
        self._size = min(max(source.size, replay.size), MOST_HIVE_BYTES)
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._patches = _by_block(replay)

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes."""
        left = max(0, self._size - self._at)
        size = left if size < 0 else min(size, left)
        if size > _MOST_READ_BYTES:
            raise OSError(f"a read of {size} bytes")
        if size == 0:
            return b""
        first, last = self._at // _BLOCK_BYTES, (self._at + size - 1) // _BLOCK_BYTES
        data = self._block(first)
        if last > first:
            data += b"".join(self._block(number) for number in range(first + 1, last + 1))
        begin = self._at - first * _BLOCK_BYTES
        self._at += size
        return data[begin : begin + size]

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to an offset."""
        base = {0: 0, 1: self._at, 2: self._size}[whence]
        if base + offset < 0:
            raise OSError("a seek to before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def get_size(self) -> int:
        """Its length."""
        return self._size

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            block = self._read_block(number)
            self._blocks[number] = block
            if len(self._blocks) > _MOST_BLOCKS:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return block

    def _read_block(self, number: int) -> bytes:
        begin = number * _BLOCK_BYTES
        length = min(_BLOCK_BYTES, self._size - begin)
        data = self._source.read_at(begin, length).ljust(length, b"\0")
        if number not in self._patches:
            return data
        block = bytearray(data)
        for patch in self._patches[number]:
            patch(block)
        return bytes(block)


def _by_block(replay: Replay) -> dict[int, list[Callable[[bytearray], None]]]:
    """What to do to each block of the file, in the order of the pages."""
    patches: dict[int, list[Callable[[bytearray], None]]] = {}
    for page in replay.pages:
        end = page.offset + len(page.data)
        for number in range(page.offset // _BLOCK_BYTES, -(-end // _BLOCK_BYTES)):
            patches.setdefault(number, []).append(_patch(page.offset, page.data, number))
    return patches


def _patch(offset: int, data: bytes, number: int) -> Callable[[bytearray], None]:
    begin = number * _BLOCK_BYTES

    def put(block: bytearray) -> None:
        to = max(0, offset - begin)
        piece = data[max(0, begin - offset) :][: len(block) - to]
        block[to : to + len(piece)] = piece

    return put
