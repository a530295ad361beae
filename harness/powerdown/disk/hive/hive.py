"""A registry hive, read by libregf.

libregf is LGPL, fuzzed by OSS-Fuzz and written in C, so a guest's hive is parsed in a process that
may crash (:mod:`sandboxed_reader`). The cost of a read does not depend on the hive's size.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from powerdown.core.errors import DiskError
from powerdown.disk.hive.hive_file import HiveFile, Source
from powerdown.disk.hive.hive_logs import (
    BASE_BYTES,
    HEAD_BYTES,
    MOST_LOG_BYTES,
    BaseBlock,
    Replay,
    is_dirty,
    replay,
)
from powerdown.disk.hive.value_data import decode_data
from powerdown.disk.ntfs.libyal import LIBRARY_ERRORS, plain_error, wrap_errors
from powerdown.disk.optional_module import optional_module
from powerdown.disk.registry_snapshot import StoredKey, StoredValue

_T = TypeVar("_T")

_MAGIC = b"regf"
_MOST_DEPTH = 512
"""The depth that Windows allows (learn.microsoft.com, "Registry element size limits")."""
_MOST_SUBKEYS = 1 << 17
_MOST_VALUE_BYTES = 1 << 20
_VALUE = struct.Struct("<2s2xI4s")
"""In a value's cell: signature, size of its data, and their offset or, for up to four bytes, the
data itself ("Windows registry file format specification", "Key value")."""
_INLINE_BYTES = 4
_INLINE = 1 << 31
_MOST_NOTES = 50
_REMEDY = "Give an undamaged hive; Windows keeps older copies."


@dataclass
class ReadBudget:
    """How much may still be read of a registry: a limit for hostile hives.

    :param keys: number of keys.
    :param values: number of values.
    :param data: bytes of values' data.
    """

    keys: int = 50_000
    values: int = 200_000
    data: int = 32 << 20
    notes: list[str] = field(default_factory=list)

    @property
    def spent(self) -> bool:
        """Whether a limit is reached."""
        return min(self.keys, self.values, self.data) <= 0

    def note(self, text: str) -> None:
        """Add a note, once, unless there are too many."""
        if len(self.notes) < _MOST_NOTES and text not in self.notes:
            self.notes.append(text)


class Hive:
    """An open hive.

    :param name: its name in messages.
    :param source: its file.
    :param logs: name and content of the existing transaction logs, in the order of
        :data:`LOG_SUFFIXES`; read only when the hive needs them.
    :raise DiskError: it is not a hive, or too damaged to be opened.
    :raise HostError: libregf is not installed.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        logs: Callable[[], Iterator[tuple[str, bytes]]] = lambda: iter(()),
    ) -> None:
        self.name = name
        head = source.read_at(0, HEAD_BYTES)
        if not any(head):
            raise _damaged(name, "it is empty" if not head else "its start contains only zeros")
        replayed = replay(head, list(logs())) if is_dirty(head) else Replay()
        self.notes = tuple(f"{name} {note}" for note in replayed.notes)
        module = optional_module("pyregf", "libregf-python")
        # Kept alive: libregf reads from it while the hive is open.
        self._file = HiveFile(source, replayed)
        if self._file.read(len(_MAGIC)) != _MAGIC:
            raise _damaged(name, "it is not a registry hive")
        self._file.seek(0)
        self._hive = module.file()
        try:
            self._wrapped(lambda: self._hive.open_file_object(self._file))
        except DiskError as error:
            base = BaseBlock.of(self._file_start())
            whole = BASE_BYTES + base.bins_bytes if base is not None and base.sound else 0
            if self._file.get_size() >= whole:
                raise
            cut = f"it is truncated: it has {self._file.get_size()} of {whole} bytes"
            raise _damaged(name, cut) from error
        if self._wrapped(self._hive.is_corrupted):
            self.notes += (f"{name} is damaged; parts of it may be missing",)

    def _file_start(self) -> bytes:
        self._file.seek(0)
        return self._file.read(BASE_BYTES)

    def names(self, path: str) -> tuple[str, ...] | None:
        """Names of a key's subkeys; ``None`` when there is no such key.

        :raise DiskError: the hive is too damaged to tell.
        """
        key = self._key(path)
        if key is None:
            return None
        return tuple(name for name, _ in self._wrapped(lambda: _subkeys(key)))

    def value(self, path: str, name: str) -> StoredValue | None:
        """A value of a key; ``None`` when there is none.

        :raise DiskError: the hive is too damaged to tell.
        """
        key = self._key(path)
        if key is None:
            return None
        wanted = frozenset({name.casefold()})
        found = self._wrapped(lambda: self._values(key, path, wanted, ReadBudget()))
        return found[0] if found else None

    def read(
        self,
        path: str,
        online: str,
        depth: int,
        values: frozenset[str] | None,
        budget: ReadBudget,
    ) -> Iterator[StoredKey]:
        """Read a key and ``depth`` levels of keys below it.

        :param path: path of the key from the hive's root.
        :param online: its path in the running system.
        :param values: casefolded names of the values to read; ``None`` for all.
        :param budget: reduced by what is read; receives notes on damage and limits.
        """
        try:
            key = self._key(path)
        except DiskError as error:
            budget.note(f"{online}: {error.actual}")
            return
        if key is not None:
            yield from self._walk(key, online, min(depth, _MOST_DEPTH), values, budget)

    def _walk(
        self, key: Any, online: str, depth: int, values: frozenset[str] | None, budget: ReadBudget
    ) -> Iterator[StoredKey]:
        # Not recursive: the depth is the hive's to choose.
        waiting = [(key, online, depth)]
        while waiting:
            if budget.spent:
                budget.note(
                    f"{self.name} contains more than is read of one disk; the rest was left out"
                )
                return
            key, online, depth = waiting.pop()
            budget.keys -= 1
            try:
                subkeys = _subkeys(key)
                if len(subkeys) < key.get_number_of_sub_keys():
                    budget.note(f"{online} is damaged: not all of its subkeys can be read")
                names = tuple(name for name, _ in subkeys)
                stored = StoredKey(online, self._values(key, online, values, budget), names)
            except LIBRARY_ERRORS as error:
                budget.note(f"{online} is damaged: {plain_error(error)}")
                continue
            yield stored
            if depth > 0:
                waiting += [
                    (subkey, f"{online}\\{name}", depth - 1)
                    for name, subkey in reversed(subkeys[: budget.keys])
                ]

    def _values(
        self, key: Any, online: str, wanted: frozenset[str] | None, budget: ReadBudget
    ) -> tuple[StoredValue, ...]:
        found: list[StoredValue] = []
        for index in range(min(key.get_number_of_values(), max(0, budget.values))):
            budget.values -= 1
            try:
                value = key.get_value(index)
                name = value.get_name() or ""
                if wanted is not None and name.casefold() not in wanted:
                    continue
                found.append(self._stored(value, name, budget))
            except LIBRARY_ERRORS as error:
                budget.note(f"a value of {online} is damaged: {plain_error(error)}")
        return tuple(found)

    def _stored(self, value: Any, name: str, budget: ReadBudget) -> StoredValue:
        size = value.get_data_size()
        if size > _MOST_VALUE_BYTES:
            raise OSError(f"it would have {size} bytes")
        raw = (self._short(value) if 0 < size < _INLINE_BYTES else value.get_data()) or b""
        budget.data -= len(raw) + 2 * len(name)
        kind = value.get_type()
        return StoredValue(name, kind, decode_data(kind, raw))

    def _short(self, value: Any) -> bytes:
        """Data of one to three bytes, which libregf takes from the wrong end of the field."""
        self._file.seek(value.get_offset())
        cell = self._file.read(_VALUE.size)
        if len(cell) < _VALUE.size:
            raise OSError("it is truncated")
        magic, size, data = _VALUE.unpack(cell)
        if magic != b"vk" or not size & _INLINE:
            return bytes(value.get_data() or b"")
        return bytes(data[: size & ~_INLINE])

    def _key(self, path: str) -> Any:
        path = path.strip("\\")
        if not path:
            return self._wrapped(self._hive.get_root_key)
        return self._wrapped(lambda: self._hive.get_key_by_path(path))

    def _wrapped(self, call: Callable[[], _T]) -> _T:
        return wrap_errors(f"read the registry hive {self.name}", call, _REMEDY)


def read_logs(
    names: Callable[[], Iterator[tuple[str, Source]]],
) -> Callable[[], Iterator[tuple[str, bytes]]]:
    """The argument ``logs`` of :class:`Hive`, for files that are read only when needed."""

    def logs() -> Iterator[tuple[str, bytes]]:
        for name, source in names():
            yield name, source.read_at(0, min(source.size, MOST_LOG_BYTES))

    return logs


def _subkeys(key: Any) -> list[tuple[str, Any]]:
    """A key's readable subkeys, with their names."""
    found: list[tuple[str, Any]] = []
    for index in range(min(key.get_number_of_sub_keys(), _MOST_SUBKEYS)):
        with contextlib.suppress(*LIBRARY_ERRORS):
            subkey = key.get_sub_key(index)
            name = subkey.get_name()
            if name and "\\" not in name:
                found.append((name, subkey))
    return found


def _damaged(name: str, actual: str) -> DiskError:
    return DiskError(f"read the registry hive {name}", actual, _REMEDY)
