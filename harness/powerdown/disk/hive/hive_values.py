"""Values of a key in a registry hive: their cells, and the cells of their data.

Layout: msuhanov/regf, "Windows registry file format specification".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from powerdown.disk.hive.hive_cells import NOWHERE, HiveCells, damaged
from powerdown.disk.hive.hive_names import decode_name, encode_name, folded

_FLAGS_AT, _VALUES_AT, _LIST_AT = 2, 36, 40
"""Offsets in a key node: flags, number of values, their list."""
_KEY_PREDEFINED = 0x0040

_VALUE = struct.Struct("<2sHIIIHH")
"""Key value: signature, name length, data size, data offset, type, flags, unused; its name."""
_VALUE_NARROW = 0x0001
_IN_PLACE = 0x80000000
"""Flag in the data size: the data is stored in place of its offset."""
MOST_DATA = 16344
"""Longer data is stored in segments (big data), which is not needed for writing."""


@dataclass(frozen=True)
class HiveValue:
    """A value as stored in the hive."""

    name: str
    type: int
    data: bytes


class HiveValues:
    """The values of a hive that is being changed.

    Every call raises :class:`DiskError` if the hive is damaged or full.
    """

    def __init__(self, cells: HiveCells) -> None:
        self._cells = cells

    def get(self, key: int, name: str) -> HiveValue | None:
        """A value of a key; ``None`` if it does not exist."""
        cell = self._cell(key, name)
        if cell is None:
            return None
        _, size, at, kind, _ = self._head(cell)
        if size & _IN_PLACE:
            data = struct.pack("<I", at)[: size & ~_IN_PLACE]
        elif size > MOST_DATA:
            raise damaged(f"the value {name} has {size} bytes")
        else:
            data = self._cells.read(at, 0, size) if size else b""
        return HiveValue(self._name(cell), kind, data)

    def set(self, key: int, value: HiveValue) -> None:
        """Create or replace a value of at most :data:`MOST_DATA` bytes."""
        cell = self._cell(key, value.name)
        if cell is None:
            self._add(key, value)
        else:
            self._replace_data(cell, value)

    def delete(self, key: int, name: str) -> bool:
        """Remove a value; return whether it existed."""
        cell = self._cell(key, name)
        if cell is None:
            return False
        at = self._cells.number(key, _LIST_AT)
        left = [each for each in self._all(key) if each != cell]
        if left:
            self._cells.write(at, struct.pack(f"<{len(left)}I", *left))
        else:
            self._cells.free(at)
            self._cells.set_number(key, _LIST_AT, NOWHERE)
        self._cells.set_number(key, _VALUES_AT, len(left))
        self._free_value(cell)
        return True

    def free(self, key: int) -> None:
        """Free all values of a key."""
        for cell in self._all(key):
            self._free_value(cell)
        if self._cells.number(key, _VALUES_AT):
            self._cells.free(self._cells.number(key, _LIST_AT))

    def _all(self, key: int) -> tuple[int, ...]:
        self._cells.check(key, b"nk")
        (flags,) = struct.unpack("<H", self._cells.read(key, _FLAGS_AT, 2))
        if flags & _KEY_PREDEFINED:
            raise damaged("a key is a predefined handle")
        count = self._cells.number(key, _VALUES_AT)
        if count == 0:
            return ()
        listed = self._cells.read(self._cells.number(key, _LIST_AT), 0, 4 * count)
        return struct.unpack(f"<{count}I", listed)

    def _cell(self, key: int, name: str) -> int | None:
        wanted = folded(name)
        cells = self._all(key)
        return next((cell for cell in cells if folded(self._name(cell)) == wanted), None)

    def _head(self, cell: int) -> tuple[int, int, int, int, int]:
        """Name length, data size, data offset, type and flags."""
        self._cells.check(cell, b"vk")
        head = _VALUE.unpack(self._cells.read(cell, 0, _VALUE.size))
        return head[1:6]

    def _name(self, cell: int) -> str:
        length, _, _, _, flags = self._head(cell)
        return decode_name(
            self._cells.read(cell, _VALUE.size, length), narrow=bool(flags & _VALUE_NARROW)
        )

    def _add(self, key: int, value: HiveValue) -> None:
        encoded, narrow = encode_name(value.name)
        size, at = self._store(value.data)
        flags = _VALUE_NARROW if narrow else 0
        head = _VALUE.pack(b"vk", len(encoded), size, at, value.type, flags, 0)
        cells = (*self._all(key), self._cells.allocate(head + encoded))
        content = struct.pack(f"<{len(cells)}I", *cells)
        listed = self._cells.number(key, _LIST_AT)
        if len(cells) == 1:
            self._cells.set_number(key, _LIST_AT, self._cells.allocate(content))
        elif len(content) <= self._cells.capacity(listed):
            self._cells.write(listed, content)
        else:
            self._cells.set_number(key, _LIST_AT, self._cells.allocate(content))
            self._cells.free(listed)
        self._cells.set_number(key, _VALUES_AT, len(cells))

    def _replace_data(self, cell: int, value: HiveValue) -> None:
        length, size, at, _, flags = self._head(cell)
        held = 0 if size & _IN_PLACE or not 0 < size <= MOST_DATA else self._cells.capacity(at)
        if 4 < len(value.data) <= held:
            # It fits the existing cell.
            self._cells.write(at, value.data)
            new_size, new_at = len(value.data), at
        else:
            self._free_data(size, at)
            new_size, new_at = self._store(value.data)
        kept = flags & _VALUE_NARROW
        head = _VALUE.pack(b"vk", length, new_size, new_at, value.type, kept, 0)
        self._cells.write(cell, head)

    def _store(self, data: bytes) -> tuple[int, int]:
        """Store data and return the size and offset to write."""
        if len(data) <= 4:
            return len(data) | _IN_PLACE, struct.unpack("<I", data.ljust(4, b"\0"))[0]
        return len(data), self._cells.allocate(data)

    def _free_value(self, cell: int) -> None:
        _, size, at, _, _ = self._head(cell)
        self._free_data(size, at)
        self._cells.free(cell)

    def _free_data(self, size: int, at: int) -> None:
        if size & _IN_PLACE or size == 0:
            return
        if size > MOST_DATA and self._cells.minor_version > 3:
            for segment in self._segments(at):
                self._cells.free(segment)
        self._cells.free(at)

    def _segments(self, at: int) -> Iterator[int]:
        """The cells of segmented data, then the cell of their list."""
        signature, count, listed = struct.unpack("<2sHI", self._cells.read(at, 0, 8))
        if signature != b"db":
            raise damaged(f"there are no data segments at {at:#x}")
        yield from struct.unpack(f"<{count}I", self._cells.read(listed, 0, 4 * count))
        yield listed
