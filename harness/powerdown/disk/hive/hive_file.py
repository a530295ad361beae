"""A hive's file with its logs applied, without copying it.

When libregf opens a hive it reads every bin's header, a few bytes every 4 KiB. So the file is read
in large blocks, which is as fast as the disk.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from powerdown.disk.file_object import FileObject
from powerdown.disk.hive.hive_logs import Replay

MOST_HIVE_BYTES = 1 << 32
"""Offsets of cells have 32 bits."""
_BLOCK_BYTES = 1 << 18
_MOST_BLOCKS = 128
"""Cached blocks: 32 MiB."""
_MOST_READ_BYTES = 1 << 26


class Source(Protocol):
    """A file of known size."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Read up to ``length`` bytes at ``offset``; fewer at the end."""


class BytesSource:
    """A file in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._content)

    def read_at(self, offset: int, length: int) -> bytes:
        """Read up to ``length`` bytes at ``offset``; fewer at the end."""
        return self._content[offset : offset + length]


class HiveFile(FileObject):
    """A hive with its logs applied.

    :param source: the hive's own file.
    :param replay: the content of its logs.
    """

    def __init__(self, source: Source, replay: Replay) -> None:
        length = min(max(source.size, replay.size), MOST_HIVE_BYTES)
        super().__init__(length, _MOST_READ_BYTES)
        self._source = source
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._patches = _by_block(replay)

    def _read_at(self, offset: int, length: int) -> bytes:
        first, last = offset // _BLOCK_BYTES, (offset + length - 1) // _BLOCK_BYTES
        data = self._block(first)
        if last > first:
            data += b"".join(self._block(number) for number in range(first + 1, last + 1))
        begin = offset - first * _BLOCK_BYTES
        return data[begin : begin + length]

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
        length = min(_BLOCK_BYTES, self._length - begin)
        data = self._source.read_at(begin, length).ljust(length, b"\0")
        if number not in self._patches:
            return data
        block = bytearray(data)
        for patch in self._patches[number]:
            patch(block)
        return bytes(block)


def _by_block(replay: Replay) -> dict[int, list[Callable[[bytearray], None]]]:
    """The patches for each block of the file, in the order of the pages."""
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
