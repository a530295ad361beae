"""Space in a registry hive: bins, their cells, and which cells are free.

Layout: msuhanov/regf, "Windows registry file format specification". Offsets of cells are from the
start of the hive bins, as in the hive itself. Nothing in a hive is trusted: every offset and size
is checked before use.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from powerdown.core.errors import DiskError
from powerdown.disk.hive.hive_logs import base_checksum

PAGE = 4096
"""Size of the base block; the size of bins is a multiple of it."""

NOWHERE = 0xFFFFFFFF
"""An offset that points to nothing."""

_BASE_SIGNATURE, _BIN_SIGNATURE = b"regf", b"hbin"
_SEQUENCES_AT, _VERSION_AT, _ROOT_AT, _BINS_SIZE_AT, _CHECKSUM_AT = 4, 20, 36, 40, 508
_PRIMARY_FILE, _DIRECT_LOAD = 0, 1
_BIN_HEADER = 32
_CELL_HEADER = 4
_SMALLEST_CELL = 8
_VERSIONS = ((1, 3), (1, 4), (1, 5), (1, 6))


class HiveCells:
    """The cells of a clean hive, in memory.

    :param data: the hive's file.
    :param room: how many bytes of the file the hive may use, including the base block. If that is
        more than it uses now, bins can be added.
    :raise DiskError: the hive is invalid or dirty.
    """

    def __init__(self, data: bytes, room: int) -> None:
        self._data = bytearray(data)
        self._room = min(room, len(data))
        if len(data) < 2 * PAGE or not data.startswith(_BASE_SIGNATURE):
            raise damaged("it does not begin with a base block")
        if base_checksum(self._data) != self._base_number(_CHECKSUM_AT):
            raise damaged("the checksum of its base block is wrong")
        if self.sequence[0] != self.sequence[1]:
            raise damaged("it is dirty: the last writes are in its logs")
        major, minor, kind, form = struct.unpack_from("<IIII", data, _VERSION_AT)
        if (major, minor) not in _VERSIONS or (kind, form) != (_PRIMARY_FILE, _DIRECT_LOAD):
            raise damaged(f"it has version {major}.{minor}, type {kind} and format {form}")
        self.minor_version = int(minor)
        if self._bins_size % PAGE or PAGE + self._bins_size > self._room:
            raise damaged(
                f"it would have {self._bins_size} bytes of bins in a file of {self._room}"
            )

    @property
    def data(self) -> bytes:
        """The current content of the file."""
        return bytes(self._data)

    @property
    def root(self) -> int:
        """Offset of the root key's cell."""
        return self._base_number(_ROOT_AT)

    @property
    def sequence(self) -> tuple[int, int]:
        """Primary and secondary sequence number; they differ while the hive is being written."""
        first, second = struct.unpack_from("<II", self._data, _SEQUENCES_AT)
        return first, second

    def seal(self, newer_than: int) -> None:
        """Make the base block that of a hive that was written completely.

        Windows then ignores its logs, which it reads only for a dirty hive. The sequence number is
        newer than theirs anyway.

        :param newer_than: the newest sequence number in its logs; 0 if there is none.
        """
        number = (max(*self.sequence, newer_than) + 1) & 0xFFFFFFFF
        struct.pack_into("<II", self._data, _SEQUENCES_AT, number, number)
        struct.pack_into("<I", self._data, _CHECKSUM_AT, base_checksum(self._data))

    def capacity(self, cell: int) -> int:
        """The capacity of an allocated cell in bytes.

        :raise DiskError: there is no such cell.
        """
        if cell % 8 or not _BIN_HEADER <= cell <= self._bins_size - _SMALLEST_CELL:
            raise damaged(f"it contains an invalid reference to {cell:#x}")
        size = -self._size(cell)
        if size < _SMALLEST_CELL or size % 8 or cell + size > self._bins_size:
            raise damaged(f"there is no allocated cell at {cell:#x}")
        return size - _CELL_HEADER

    def read(self, cell: int, at: int = 0, length: int | None = None) -> bytes:
        """Read from a cell.

        :param at: offset of the first byte.
        :param length: number of bytes; ``None`` for all that follow.
        :raise DiskError: there is no such cell, or it is too small.
        """
        capacity = self.capacity(cell)
        end = capacity if length is None else at + length
        if not 0 <= at <= end <= capacity:
            raise damaged(f"the cell at {cell:#x} is too small for its content")
        begin = PAGE + cell + _CELL_HEADER
        return bytes(self._data[begin + at : begin + end])

    def write(self, cell: int, content: bytes, at: int = 0) -> None:
        """Write to a cell.

        :raise DiskError: there is no such cell, or it is too small.
        """
        self.read(cell, at, len(content))
        begin = PAGE + cell + _CELL_HEADER + at
        self._data[begin : begin + len(content)] = content

    def allocate(self, content: bytes) -> int:
        """Write ``content`` to a free cell and return its offset.

        :raise DiskError: no free cell is large enough, and the file has no space for another bin.
        """
        wanted = max(_SMALLEST_CELL, -(-(len(content) + _CELL_HEADER) // 8) * 8)
        cell = self._best_free_cell(wanted)
        if cell is None:
            cell = self._add_bin(wanted)
        left = self._size(cell) - wanted
        del self._free[cell]
        if left:
            self._set_size(cell + wanted, left)
            self._free[cell + wanted] = left
        self._set_size(cell, -wanted)
        begin = PAGE + cell + _CELL_HEADER
        self._data[begin : begin + wanted - _CELL_HEADER] = content.ljust(
            wanted - _CELL_HEADER, b"\0"
        )
        return cell

    def free(self, cell: int) -> None:
        """Free a cell, and merge it with adjacent free cells, as Windows does.

        :raise DiskError: there is no such cell.
        """
        begin, end = cell, cell + self.capacity(cell) + _CELL_HEADER
        known = False
        for at, size in self._cells(self._bin_of(cell)):
            known |= at == cell
            if size > 0 and at + size == begin:
                begin = at
            elif size > 0 and at == end:
                end += size
                break
            elif at > cell:
                break
        if not known:
            raise damaged(f"no cell begins at {cell:#x}")
        self._free.pop(cell + self.capacity(cell) + _CELL_HEADER, None)
        self._set_size(begin, end - begin)
        self._free[begin] = end - begin

    def check(self, cell: int, signature: bytes) -> None:
        """Check the signature of a cell.

        :raise DiskError: it is another one.
        """
        if self.read(cell, 0, 2) != signature:
            raise damaged(f"there is no {signature.decode()} at {cell:#x}")

    def number(self, cell: int, at: int) -> int:
        """The 32-bit number at an offset of a cell.

        :raise DiskError: there is no such cell, or it is too small.
        """
        return int(struct.unpack("<I", self.read(cell, at, 4))[0])

    def set_number(self, cell: int, at: int, number: int) -> None:
        """Write a 32-bit number at an offset of a cell.

        :raise DiskError: there is no such cell, or it is too small.
        """
        self.write(cell, struct.pack("<I", number & 0xFFFFFFFF), at)

    @property
    def _bins_size(self) -> int:
        return self._base_number(_BINS_SIZE_AT)

    def _base_number(self, at: int) -> int:
        return int(struct.unpack_from("<I", self._data, at)[0])

    def _size(self, cell: int) -> int:
        """Size of a cell including its header; negative if allocated."""
        return int(struct.unpack_from("<i", self._data, PAGE + cell)[0])

    def _set_size(self, cell: int, size: int) -> None:
        struct.pack_into("<i", self._data, PAGE + cell, size)

    @cached_property
    def _bins(self) -> list[tuple[int, int]]:
        """Offset and size of every bin."""
        return list(self._read_bins())

    def _read_bins(self) -> Iterator[tuple[int, int]]:
        at, all_bins = 0, self._bins_size
        while at < all_bins:
            begin = PAGE + at
            signature, offset, size = struct.unpack_from("<4sII", self._data, begin)
            fits = size and size % PAGE == 0 and at + size <= all_bins
            if signature != _BIN_SIGNATURE or offset != at or not fits:
                raise damaged(f"the bin at {at:#x} is invalid")
            yield at, size
            at += size

    def _bin_of(self, cell: int) -> tuple[int, int]:
        # Bins are in order and without gaps.
        return self._bins[bisect_right(self._bins, (cell, NOWHERE)) - 1]

    def _cells(self, bin: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """Offset and size of the cells in a bin; sizes of allocated cells are negative."""
        at, end = bin[0] + _BIN_HEADER, bin[0] + bin[1]
        while at < end:
            size = self._size(at)
            if abs(size) < _SMALLEST_CELL or size % 8 or at + abs(size) > end:
                raise damaged(f"the cell at {at:#x} has size {size}")
            yield at, size
            at += abs(size)

    @cached_property
    def _free(self) -> dict[int, int]:
        """Size of every free cell, by offset."""
        return {at: size for bin in self._bins for at, size in self._cells(bin) if size > 0}

    def _best_free_cell(self, wanted: int) -> int | None:
        """The smallest free cell of at least this size."""
        fitting = ((size, at) for at, size in self._free.items() if size >= wanted)
        return min(fitting, default=(0, None))[1]

    def _add_bin(self, wanted: int) -> int:
        """Append a bin with one free cell of at least this size, and return the cell's offset."""
        at = self._bins_size
        size = -(-(wanted + _BIN_HEADER) // PAGE) * PAGE
        if PAGE + at + size > self._room:
            raise DiskError(
                "change a registry hive in its place",
                f"it has no free cell of {wanted} bytes, and its file no space for another bin",
                "Inject online: the running Windows can extend its hive.",
            )
        self._data[PAGE + at : PAGE + at + size] = bytes(size)
        struct.pack_into("<4sII", self._data, PAGE + at, _BIN_SIGNATURE, at, size)
        self._set_size(at + _BIN_HEADER, size - _BIN_HEADER)
        struct.pack_into("<I", self._data, _BINS_SIZE_AT, at + size)
        self._bins.append((at, size))
        self._free[at + _BIN_HEADER] = size - _BIN_HEADER
        return at + _BIN_HEADER


def damaged(actual: str) -> DiskError:
    """The error for a damaged hive."""
    return DiskError("change a registry hive", actual, "Check the image; the hive is damaged.")
