"""Keys and values of a registry hive, changed in the hive's own free cells.

hivex, the one library that writes hives, only ever appends; a hive that fills its file has no room
for that, and the file of a guest that is off cannot be made larger without changing its file
system. So this takes free cells, as Windows itself does, and appends only where the file has room.

Layout: msuhanov/regf, "Windows registry file format specification". Nothing in a hive is trusted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from harness.disk.hive_cells import NOWHERE, HiveCells, damaged
from harness.errors import DiskError

_KEY = struct.Struct("<2sHQIIIIIIIIIIIIIIIHH")
"""Key node: signature, flags, time, access bits, parent, subkeys, volatile subkeys, their lists,
values, their list, security, class name, four largest sizes, unused, length of name and class."""
_KEY_FLAGS_AT, _KEY_TIME_AT, _SUBKEYS_AT, _LIST_AT, _VALUES_AT = 2, 4, 20, 28, 36
_SECURITY_AT, _CLASS_AT, _LONGEST_SUBKEY_AT, _LONGEST_NAME_AT, _LARGEST_DATA_AT = 44, 48, 52, 60, 64
_KEY_NAME_LENGTH_AT, _KEY_NAME_AT = 72, 76
_KEY_NARROW, _KEY_NO_DELETE, _KEY_PREDEFINED = 0x0020, 0x0008, 0x0040

_VALUE = struct.Struct("<2sHIIIHH")
"""Key value: signature, name length, data size, data offset, type, flags, unused; its name."""
_VALUE_NARROW = 0x0001
_IN_PLACE = 0x80000000
"""In the data size: the data stands where its offset would."""
_MOST_DATA = 16344
"""Longer data is in segments (big data), which nothing that is written here needs."""

_SECURITY = struct.Struct("<2sHIIII")
"""Key security: signature, unused, next, previous, references, length; a descriptor."""
_REFERENCES_AT = 12

_LEAF_ENTRY = {b"li": 4, b"lf": 8, b"lh": 8}
"""Bytes of an entry in lists of subkeys."""
_MOST_IN_LEAF = 1012
"""Entries of a list that Windows divides no further."""
_MOST_KEYS = 1 << 20
"""Of what is deleted at once: a hive with more points in circles."""


@dataclass(frozen=True)
class HiveValue:
    """One value as it lies in the hive."""

    name: str
    type: int
    data: bytes


class HiveWriter:
    """A hive under change, in memory.

    Keys are named by paths from the hive's root, parts divided by backslashes, case not regarded.
    Every call raises :class:`~harness.errors.DiskError` where the hive is damaged or has no room.

    :param cells: the hive.
    :param written_at: time of the changes: 100 ns since 1601 (FILETIME).
    """

    def __init__(self, cells: HiveCells, written_at: int) -> None:
        self._cells = cells
        self._written_at = written_at

    def value(self, path: str, name: str) -> HiveValue | None:
        """One value; ``None`` where it or its key is missing."""
        key = self._find(path)
        return None if key is None else self._value(key, name)

    def subkeys(self, path: str) -> tuple[str, ...]:
        """Names of the keys in a key; none where it is missing."""
        key = self._find(path)
        return () if key is None else tuple(self._name(child) for child in self._children(key))

    def create_key(self, path: str) -> None:
        """Create a key where it is missing, and those above it."""
        self._make(path)

    def set_value(self, path: str, value: HiveValue) -> None:
        """Create or replace a value, creating its key. One that is there keeps its name's case."""
        if len(value.data) > _MOST_DATA:
            raise _not_done(f"set a value of {len(value.data)} bytes", "that is too long")
        key = self._make(path)
        cell = self._value_cell(key, value.name)
        if cell is None:
            self._add_value(key, value)
        else:
            self._replace_data(cell, value)
        self._raise(key, _LONGEST_NAME_AT, 2 * len(value.name))
        self._raise(key, _LARGEST_DATA_AT, len(value.data))
        self._touch(key)

    def delete_value(self, path: str, name: str) -> None:
        """Remove a value if it is there."""
        key = self._find(path)
        cell = None if key is None else self._value_cell(key, name)
        if key is None or cell is None:
            return
        at = self._number(key, _VALUES_AT + 4)
        left = [each for each in self._value_cells(key) if each != cell]
        if left:
            self._cells.write(at, struct.pack(f"<{len(left)}I", *left))
        else:
            self._cells.free(at)
            self._set_number(key, _VALUES_AT + 4, NOWHERE)
        self._set_number(key, _VALUES_AT, len(left))
        self._free_value(cell)
        self._touch(key)

    def delete_key(self, path: str) -> None:
        """Remove a key with everything in it, if it is there."""
        key = self._find(path)
        if key is None:
            return
        parent = self._find(path.rpartition("\\")[0])
        if parent is None or key == self._cells.root:
            raise _not_done("delete a key", "it is the root of a hive")
        self._unlink(parent, key)
        for each in self._below(key):
            self._free_key(each)
        self._touch(parent)

    # Keys

    def _find(self, path: str) -> int | None:
        key = self._cells.root
        for part in _parts(path):
            child = self._child(key, part)
            if child is None:
                return None
            key = child
        return key

    def _make(self, path: str) -> int:
        key = self._cells.root
        for part in _parts(path):
            child = self._child(key, part)
            key = self._add_key(key, part) if child is None else child
        return key

    def _child(self, key: int, name: str) -> int | None:
        wanted = _upper(name)
        return next((c for c in self._children(key) if _upper(self._name(c)) == wanted), None)

    def _children(self, key: int) -> list[int]:
        self._check(key, b"nk")
        if self._number(key, _SUBKEYS_AT) == 0:
            return []
        return [child for leaf in self._leaves(key) for child, _ in self._entries(leaf)]

    def _name(self, key: int) -> str:
        self._check(key, b"nk")
        (length,) = struct.unpack("<H", self._cells.read(key, _KEY_NAME_LENGTH_AT, 2))
        (flags,) = struct.unpack("<H", self._cells.read(key, _KEY_FLAGS_AT, 2))
        return _decode(self._cells.read(key, _KEY_NAME_AT, length), flags & _KEY_NARROW)

    def _add_key(self, parent: int, name: str) -> int:
        if not 0 < len(name) <= 255:
            raise _not_done("create a key", f"its name has {len(name)} characters")
        encoded, narrow = _encode(name)
        security = self._number(parent, _SECURITY_AT)
        self._check(security, b"sk")
        flags = _KEY_NARROW if narrow else 0
        time = self._written_at
        lists = (0, 0, NOWHERE, NOWHERE, 0, NOWHERE)
        node = _KEY.pack(
            *(b"nk", flags, time, 0, parent, *lists, security, NOWHERE),
            *(0, 0, 0, 0, 0, len(encoded), 0),
        )
        key = self._cells.allocate(node + encoded)
        self._add_number(security, _REFERENCES_AT, 1)
        self._link(parent, key, name)
        longest = self._number(parent, _LONGEST_SUBKEY_AT)
        # The upper half holds flags.
        if longest & 0xFFFF < 2 * len(name):
            self._set_number(parent, _LONGEST_SUBKEY_AT, longest & 0xFFFF0000 | 2 * len(name))
        self._touch(parent)
        return key

    def _below(self, key: int) -> list[int]:
        """A key and all below it, each once."""
        found, waiting = {key}, [key]
        while waiting:
            for child in self._children(waiting.pop()):
                if child in found or len(found) >= _MOST_KEYS:
                    raise damaged("its keys point in a circle")
                found.add(child)
                waiting.append(child)
        return sorted(found)

    def _free_key(self, key: int) -> None:
        for cell in self._value_cells(key):
            self._free_value(cell)
        if self._number(key, _VALUES_AT):
            self._cells.free(self._number(key, _VALUES_AT + 4))
        if self._number(key, _SUBKEYS_AT):
            top = self._number(key, _LIST_AT)
            for leaf in self._leaves(key):
                if leaf != top:
                    self._cells.free(leaf)
            self._cells.free(top)
        (class_length,) = struct.unpack("<H", self._cells.read(key, _KEY_NAME_LENGTH_AT + 2, 2))
        if class_length and self._number(key, _CLASS_AT) != NOWHERE:
            self._cells.free(self._number(key, _CLASS_AT))
        # A descriptor that nothing refers to any more is kept: the root's is the head of their
        # list, and Windows drops others by itself.
        security = self._number(key, _SECURITY_AT)
        self._check(security, b"sk")
        if self._number(security, _REFERENCES_AT) > 1:
            self._add_number(security, _REFERENCES_AT, -1)
        self._cells.free(key)

    # Lists of subkeys

    def _leaves(self, key: int) -> list[int]:
        top = self._number(key, _LIST_AT)
        signature, count = self._list_head(top)
        if signature != b"ri":
            return [top]
        return list(struct.unpack(f"<{count}I", self._cells.read(top, 4, 4 * count)))

    def _entries(self, leaf: int) -> list[tuple[int, bytes]]:
        """Keys of a list with what stands beside each."""
        signature, count = self._list_head(leaf)
        width = _LEAF_ENTRY.get(signature)
        if width is None:
            raise damaged(f"there is no list of keys at {leaf:#x}")
        content = self._cells.read(leaf, 4, count * width)
        pieces = (content[at : at + width] for at in range(0, len(content), width))
        return [(struct.unpack_from("<I", piece)[0], piece[4:]) for piece in pieces]

    def _list_head(self, cell: int) -> tuple[bytes, int]:
        signature, count = struct.unpack("<2sH", self._cells.read(cell, 0, 4))
        return signature, count

    def _link(self, parent: int, key: int, name: str) -> None:
        """Enter a key into its parent's list, which is sorted by the upper case of names."""
        count = self._number(parent, _SUBKEYS_AT)
        if count == 0:
            signature = b"lh" if self._cells.minor_version > 4 else b"lf"
            leaf = self._cells.allocate(_leaf(signature, [(key, _hint(signature, name))]))
            self._set_number(parent, _LIST_AT, leaf)
        else:
            leaf = self._leaf_for(parent, _upper(name))
            signature, _ = self._list_head(leaf)
            entries = self._entries(leaf)
            if len(entries) >= _MOST_IN_LEAF:
                raise _not_done("create a key", f"the list it belongs to has {len(entries)} keys")
            at = sum(_upper(self._name(each)) < _upper(name) for each, _ in entries)
            entries.insert(at, (key, _hint(signature, name)))
            self._rewrite(parent, leaf, _leaf(signature, entries))
        self._set_number(parent, _SUBKEYS_AT, count + 1)

    def _leaf_for(self, parent: int, name: str) -> int:
        """The first list whose last key comes after ``name``, else the last one."""
        leaves = self._leaves(parent)
        for leaf in leaves:
            entries = self._entries(leaf)
            if entries and name < _upper(self._name(entries[-1][0])):
                return leaf
        if not leaves:
            raise damaged("a list of lists of keys is empty")
        return leaves[-1]

    def _unlink(self, parent: int, key: int) -> None:
        for leaf in self._leaves(parent):
            signature, _ = self._list_head(leaf)
            entries = self._entries(leaf)
            left = [(each, hint) for each, hint in entries if each != key]
            if len(left) == len(entries):
                continue
            if left:
                self._rewrite(parent, leaf, _leaf(signature, left))
            else:
                self._drop_leaf(parent, leaf)
            self._add_number(parent, _SUBKEYS_AT, len(left) - len(entries))
            return
        raise damaged("a key is not in its parent's list")

    def _rewrite(self, parent: int, leaf: int, content: bytes) -> None:
        """Replace a list, moving it where it has grown out of its cell."""
        if len(content) <= self._cells.capacity(leaf):
            self._cells.write(leaf, content)
            return
        moved = self._cells.allocate(content)
        self._replace_leaf(parent, leaf, moved)
        self._cells.free(leaf)

    def _replace_leaf(self, parent: int, leaf: int, moved: int) -> None:
        top = self._number(parent, _LIST_AT)
        if top == leaf:
            self._set_number(parent, _LIST_AT, moved)
            return
        leaves = [moved if each == leaf else each for each in self._leaves(parent)]
        self._cells.write(top, struct.pack(f"<{len(leaves)}I", *leaves), 4)

    def _drop_leaf(self, parent: int, leaf: int) -> None:
        top = self._number(parent, _LIST_AT)
        left = [each for each in self._leaves(parent) if each != leaf] if top != leaf else []
        if left:
            self._cells.write(top, struct.pack(f"<2sH{len(left)}I", b"ri", len(left), *left))
        else:
            if top != leaf:
                self._cells.free(top)
            self._set_number(parent, _LIST_AT, NOWHERE)
        self._cells.free(leaf)

    # Values

    def _value_cells(self, key: int) -> tuple[int, ...]:
        self._check(key, b"nk")
        (flags,) = struct.unpack("<H", self._cells.read(key, _KEY_FLAGS_AT, 2))
        if flags & _KEY_PREDEFINED:
            raise damaged("a key stands for a predefined handle")
        count = self._number(key, _VALUES_AT)
        if count == 0:
            return ()
        listed = self._cells.read(self._number(key, _VALUES_AT + 4), 0, 4 * count)
        return struct.unpack(f"<{count}I", listed)

    def _value_cell(self, key: int, name: str) -> int | None:
        wanted = _upper(name)
        cells = self._value_cells(key)
        return next((cell for cell in cells if _upper(self._value_name(cell)) == wanted), None)

    def _value_head(self, cell: int) -> tuple[int, int, int, int, int]:
        """Name length, data size, data offset, type and flags."""
        self._check(cell, b"vk")
        head = _VALUE.unpack(self._cells.read(cell, 0, _VALUE.size))
        return head[1:6]

    def _value_name(self, cell: int) -> str:
        length, _, _, _, flags = self._value_head(cell)
        return _decode(self._cells.read(cell, _VALUE.size, length), flags & _VALUE_NARROW)

    def _value(self, key: int, name: str) -> HiveValue | None:
        cell = self._value_cell(key, name)
        if cell is None:
            return None
        _, size, at, kind, _ = self._value_head(cell)
        if size & _IN_PLACE:
            data = struct.pack("<I", at)[: size & ~_IN_PLACE]
        elif size > _MOST_DATA:
            raise damaged(f"the value {name} has {size} bytes")
        else:
            data = self._cells.read(at, 0, size) if size else b""
        return HiveValue(self._value_name(cell), kind, data)

    def _add_value(self, key: int, value: HiveValue) -> None:
        encoded, narrow = _encode(value.name)
        size, at = self._store(value.data)
        flags = _VALUE_NARROW if narrow else 0
        head = _VALUE.pack(b"vk", len(encoded), size, at, value.type, flags, 0)
        cells = (*self._value_cells(key), self._cells.allocate(head + encoded))
        content = struct.pack(f"<{len(cells)}I", *cells)
        listed = self._number(key, _VALUES_AT + 4)
        if len(cells) == 1:
            self._set_number(key, _VALUES_AT + 4, self._cells.allocate(content))
        elif len(content) <= self._cells.capacity(listed):
            self._cells.write(listed, content)
        else:
            self._set_number(key, _VALUES_AT + 4, self._cells.allocate(content))
            self._cells.free(listed)
        self._set_number(key, _VALUES_AT, len(cells))

    def _replace_data(self, cell: int, value: HiveValue) -> None:
        length, size, at, _, flags = self._value_head(cell)
        held = 0 if size & _IN_PLACE or not 0 < size <= _MOST_DATA else self._cells.capacity(at)
        if 4 < len(value.data) <= held:
            # In the cell that it has: nothing moves.
            self._cells.write(at, value.data)
            new_size, new_at = len(value.data), at
        else:
            self._free_data(size, at)
            new_size, new_at = self._store(value.data)
        kept = flags & _VALUE_NARROW
        head = _VALUE.pack(b"vk", length, new_size, new_at, value.type, kept, 0)
        self._cells.write(cell, head)

    def _store(self, data: bytes) -> tuple[int, int]:
        """Put data away; what to write as its size and offset."""
        if len(data) <= 4:
            return len(data) | _IN_PLACE, struct.unpack("<I", data.ljust(4, b"\0"))[0]
        return len(data), self._cells.allocate(data)

    def _free_value(self, cell: int) -> None:
        _, size, at, _, _ = self._value_head(cell)
        self._free_data(size, at)
        self._cells.free(cell)

    def _free_data(self, size: int, at: int) -> None:
        if size & _IN_PLACE or size == 0:
            return
        if size > _MOST_DATA and self._cells.minor_version > 3:
            for segment in self._segments(at):
                self._cells.free(segment)
        self._cells.free(at)

    def _segments(self, at: int) -> Iterator[int]:
        """The cells of data too long for one, their list last."""
        signature, count, listed = struct.unpack("<2sHI", self._cells.read(at, 0, 8))
        if signature != b"db":
            raise damaged(f"there are no data segments at {at:#x}")
        yield from struct.unpack(f"<{count}I", self._cells.read(listed, 0, 4 * count))
        yield listed

    # Fields

    def _check(self, cell: int, signature: bytes) -> None:
        if self._cells.read(cell, 0, 2) != signature:
            raise damaged(f"there is no {signature.decode()} at {cell:#x}")

    def _number(self, cell: int, at: int) -> int:
        return int(struct.unpack("<I", self._cells.read(cell, at, 4))[0])

    def _set_number(self, cell: int, at: int, number: int) -> None:
        self._cells.write(cell, struct.pack("<I", number & 0xFFFFFFFF), at)

    def _add_number(self, cell: int, at: int, more: int) -> None:
        self._set_number(cell, at, self._number(cell, at) + more)

    def _raise(self, key: int, at: int, least: int) -> None:
        if self._number(key, at) < least:
            self._set_number(key, at, least)

    def _touch(self, key: int) -> None:
        self._cells.write(key, struct.pack("<Q", self._written_at), _KEY_TIME_AT)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("\\") if part]


def _upper(name: str) -> str:
    """As Windows compares names: character by character, each remaining one character."""
    return "".join(c.upper() if len(c.upper()) == 1 else c for c in name)


def _encode(name: str) -> tuple[bytes, bool]:
    """A name as it is stored, and whether in one byte per character."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le", errors="surrogatepass"), False


def _decode(name: bytes, narrow: int) -> str:
    return name.decode("latin-1") if narrow else name.decode("utf-16-le", errors="replace")


def _leaf(signature: bytes, entries: list[tuple[int, bytes]]) -> bytes:
    content = b"".join(struct.pack("<I", key) + beside for key, beside in entries)
    return struct.pack("<2sH", signature, len(entries)) + content


def _hint(signature: bytes, name: str) -> bytes:
    """What stands beside a key in a list of this kind."""
    if signature == b"lh":
        value = 0
        units = _upper(name).encode("utf-16-le", errors="surrogatepass")
        for (unit,) in struct.iter_unpack("<H", units):
            value = (37 * value + unit) & 0xFFFFFFFF
        return struct.pack("<I", value)
    if signature == b"lf":
        narrow = bytes(ord(c) if ord(c) < 256 else 0 for c in name[:4])
        return narrow.ljust(4, b"\0")
    return b""


def _not_done(tried: str, saw: str) -> DiskError:
    return DiskError(f"{tried} in a registry hive", saw, "Inject online.")
