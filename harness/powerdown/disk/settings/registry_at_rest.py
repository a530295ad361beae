"""The registry of a Windows at rest, as settings are read from it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from powerdown.disk.registry_snapshot import RegistrySnapshot, StoredValue
from powerdown.windows.settings.power_scheme import ACTIVE_POWER_SCHEME
from powerdown.windows.settings.stored_value import PowerSource, Stored, StoredData

_TYPES = {
    0: "REG_NONE",
    1: "REG_SZ",
    2: "REG_EXPAND_SZ",
    3: "REG_BINARY",
    4: "REG_DWORD",
    5: "REG_DWORD_BIG_ENDIAN",
    6: "REG_LINK",
    7: "REG_MULTI_SZ",
    8: "REG_RESOURCE_LIST",
    9: "REG_FULL_RESOURCE_DESCRIPTOR",
    10: "REG_RESOURCE_REQUIREMENTS_LIST",
    11: "REG_QWORD",
}
"""Names of registry types (learn: Registry value types)."""

_LOGON_SCREEN = ".default"


class Hives:
    """A snapshot, and the hives it was read from.

    A hive counts as read if any of its keys is in the snapshot: from each hive, keys are requested
    that every Windows has.
    """

    def __init__(self, registry: RegistrySnapshot) -> None:
        self._registry = registry
        self._read = frozenset(map(_root, registry.keys))

    def has(self, path: str) -> bool:
        """Whether the hive of this key was read."""
        return _root(path) in self._read

    def at(self, key: str, name: str) -> Stored:
        """Look up a value."""
        value = self._registry.value(key, name)
        return Stored(key, name, self.has(key), None if value is None else _data(value))

    def exists(self, path: str) -> bool:
        """Whether the key exists."""
        return self._registry.key(path) is not None

    def below(self, path: str) -> Iterable[str]:
        """Names of the requested subkeys of a key."""
        return [key.name for key in self._registry.below(path)]

    def values(self, path: str) -> Iterable[tuple[str, StoredData]]:
        """The requested values of a key."""
        key = self._registry.key(path)
        return [] if key is None else [(value.name, _data(value)) for value in key.values]

    def current_index(self, guid: str, source: PowerSource) -> int | None:
        """Not known: nothing at rest reads the active scheme through."""
        return None

    @cached_property
    def profiles(self) -> Iterable[str]:
        """The profiles that were read; ``.DEFAULT``, the logon screen's, first."""
        paths = [key.path.split("\\") for key in self._registry.keys.values()]
        found = {parts[1] for parts in paths if parts[0].upper() == "HKU" and len(parts) > 1}
        return sorted(found, key=lambda name: (name.lower() != _LOGON_SCREEN, name.lower()))

    @cached_property
    def scheme(self) -> str | None:
        """GUID of the active power scheme; ``None`` if it is not known."""
        return ACTIVE_POWER_SCHEME.guid(self)


def _root(path: str) -> str:
    """The part that is read as a whole or not at all: a hive, or the current control set, which a
    SYSTEM hive may not name.
    """
    parts = path.casefold().split("\\")
    depth = 3 if parts[1:3] == ["system", "currentcontrolset"] else 2
    return "\\".join(parts[:depth])


def _data(value: StoredValue) -> StoredData:
    return StoredData(_TYPES.get(value.type, f"type {value.type}"), value.data)
