"""Changes to the keys and values of a registry hive, made in the hive's own free cells.

hivex, the only library that writes hives, always appends; a hive that fills its file has no space
for that, and the file of a guest that is off cannot grow without changing its file system. So free
cells are used, as Windows itself does, and bins are appended only if the file has space.

Layout: msuhanov/regf, "Windows registry file format specification". Nothing in a hive is trusted.
"""

from __future__ import annotations

import struct

from powerdown.core.errors import DiskError
from powerdown.disk.hive.hive_cells import NOWHERE, HiveCells, damaged
from powerdown.disk.hive.hive_names import encode_name, folded
from powerdown.disk.hive.hive_subkeys import SubkeyLists
from powerdown.disk.hive.hive_values import MOST_DATA, HiveValue, HiveValues

__all__ = ["HiveValue", "HiveWriter"]

_KEY = struct.Struct("<2sHQIIIIIIIIIIIIIIIHH")
"""Key node: signature, flags, time, access bits, parent, subkeys, volatile subkeys, their lists,
values, their list, security, class name, four largest sizes, unused, lengths of name and class."""
_KEY_TIME_AT, _SECURITY_AT, _CLASS_AT, _CLASS_LENGTH_AT = 4, 44, 48, 74
_LONGEST_SUBKEY_AT, _LONGEST_NAME_AT, _LARGEST_DATA_AT = 52, 60, 64
_KEY_NARROW = 0x0020

_REFERENCES_AT = 12
"""Offset in a security descriptor's cell: the number of keys that use it."""

_MOST_KEYS = 1 << 20
"""Limit of keys deleted at once: a hive with more has circular references."""


class HiveWriter:
    """A hive that is being changed, in memory.

    Paths of keys are from the hive's root, separated by backslashes; case is ignored. Every call
    raises :class:`DiskError` if the hive is damaged or full.

    :param cells: the hive.
    :param written_at: time of the changes: 100 ns since 1601 (FILETIME).
    """

    def __init__(self, cells: HiveCells, written_at: int) -> None:
        self._cells = cells
        self._subkeys = SubkeyLists(cells)
        self._values = HiveValues(cells)
        self._written_at = written_at

    def value(self, path: str, name: str) -> HiveValue | None:
        """A value; ``None`` if it or its key does not exist."""
        key = self._find(path)
        return None if key is None else self._values.get(key, name)

    def subkeys(self, path: str) -> tuple[str, ...]:
        """Names of a key's subkeys; empty if it does not exist."""
        key = self._find(path)
        if key is None:
            return ()
        return tuple(self._subkeys.name(child) for child in self._subkeys.children(key))

    def create_key(self, path: str) -> None:
        """Create a key and its parents, unless they exist."""
        self._make(path)

    def set_value(self, path: str, value: HiveValue) -> None:
        """Create or replace a value, and create its key. An existing one keeps its name's case."""
        if len(value.data) > MOST_DATA:
            raise _not_possible(f"set a value of {len(value.data)} bytes", "that is too long")
        key = self._make(path)
        self._values.set(key, value)
        self._raise(key, _LONGEST_NAME_AT, 2 * len(value.name))
        self._raise(key, _LARGEST_DATA_AT, len(value.data))
        self._touch(key)

    def delete_value(self, path: str, name: str) -> None:
        """Remove a value if it exists."""
        key = self._find(path)
        if key is not None and self._values.delete(key, name):
            self._touch(key)

    def delete_key(self, path: str) -> None:
        """Remove a key and everything in it, if it exists."""
        key = self._find(path)
        if key is None:
            return
        parent = self._find("\\".join(_parts(path)[:-1]))
        if parent is None or key == self._cells.root:
            raise _not_possible("delete a key", "it is the root of a hive")
        self._subkeys.unlink(parent, key)
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
        wanted = folded(name)
        children = self._subkeys.children(key)
        return next((c for c in children if folded(self._subkeys.name(c)) == wanted), None)

    def _add_key(self, parent: int, name: str) -> int:
        if not 0 < len(name) <= 255:
            raise _not_possible("create a key", f"its name has {len(name)} characters")
        encoded, narrow = encode_name(name)
        security = self._cells.number(parent, _SECURITY_AT)
        self._cells.check(security, b"sk")
        flags = _KEY_NARROW if narrow else 0
        time = self._written_at
        lists = (0, 0, NOWHERE, NOWHERE, 0, NOWHERE)
        node = _KEY.pack(
            *(b"nk", flags, time, 0, parent, *lists, security, NOWHERE),
            *(0, 0, 0, 0, 0, len(encoded), 0),
        )
        key = self._cells.allocate(node + encoded)
        self._refer(security, 1)
        self._subkeys.link(parent, key, name)
        longest = self._cells.number(parent, _LONGEST_SUBKEY_AT)
        # The upper half contains flags.
        if longest & 0xFFFF < 2 * len(name):
            self._cells.set_number(parent, _LONGEST_SUBKEY_AT, longest & 0xFFFF0000 | 2 * len(name))
        self._touch(parent)
        return key

    def _below(self, key: int) -> list[int]:
        """A key and all keys below it, each once."""
        found, waiting = {key}, [key]
        while waiting:
            for child in self._subkeys.children(waiting.pop()):
                if child in found or len(found) >= _MOST_KEYS:
                    raise damaged("its keys have circular references")
                found.add(child)
                waiting.append(child)
        return sorted(found)

    def _free_key(self, key: int) -> None:
        self._values.free(key)
        self._subkeys.free(key)
        (class_length,) = struct.unpack("<H", self._cells.read(key, _CLASS_LENGTH_AT, 2))
        if class_length and self._cells.number(key, _CLASS_AT) != NOWHERE:
            self._cells.free(self._cells.number(key, _CLASS_AT))
        # An unused descriptor is kept: it takes little space, and freeing one with a wrong count
        # would take it from a key that uses it.
        security = self._cells.number(key, _SECURITY_AT)
        self._cells.check(security, b"sk")
        if self._cells.number(security, _REFERENCES_AT) > 1:
            self._refer(security, -1)
        self._cells.free(key)

    def _refer(self, security: int, more: int) -> None:
        references = self._cells.number(security, _REFERENCES_AT) + more
        self._cells.set_number(security, _REFERENCES_AT, references)

    def _raise(self, key: int, at: int, least: int) -> None:
        if self._cells.number(key, at) < least:
            self._cells.set_number(key, at, least)

    def _touch(self, key: int) -> None:
        self._cells.write(key, struct.pack("<Q", self._written_at), _KEY_TIME_AT)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("\\") if part]


def _not_possible(action: str, actual: str) -> DiskError:
    return DiskError(f"{action} in a registry hive", actual, "Inject online.")
