"""Part of a Windows registry as read from a disk: data only.

Paths are those of the running system: ``HKLM\\SYSTEM\\CurrentControlSet\\...``, where
CurrentControlSet is the control set that ``Select\\Current`` names; ``HKLM\\SOFTWARE\\...``;
``HKU\\.DEFAULT\\...``; and for users ``HKU\\<name of the profile's folder>\\...``, because the
SID of a profile is only a value in the registry. (Fact sheet, "Offline".)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

REG_NONE = 0
REG_SZ = 1
REG_EXPAND_SZ = 2
REG_BINARY = 3
REG_DWORD = 4
REG_DWORD_BIG_ENDIAN = 5
REG_LINK = 6
REG_MULTI_SZ = 7
REG_QWORD = 11
"""Registry types (winnt.h; MS-RRP, 3.1.1.5)."""

ValueData = int | str | tuple[str, ...] | bytes
"""The data of a value. Data that does not fit the type, which Windows allows, is bytes."""

_SEPARATOR = "\\"


@dataclass(frozen=True)
class StoredValue:
    """A value of a registry key.

    :param name: its name, as stored; empty for a key's default value.
    :param type: number of its type, such as REG_DWORD.
    :param data: an ``int`` for REG_DWORD and REG_QWORD, a ``str`` for REG_SZ, REG_EXPAND_SZ and
        REG_LINK, a tuple for REG_MULTI_SZ; otherwise, and for data that does not fit, bytes.
    """

    name: str
    type: int
    data: ValueData


@dataclass(frozen=True)
class StoredKey:
    """A registry key.

    :param path: as in the running system, in the stored case.
    :param values: the requested values, in the hive's order.
    :param subkeys: names of its subkeys, in the hive's order.
    """

    path: str
    values: tuple[StoredValue, ...] = ()
    subkeys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(_SEPARATOR)[2]

    def value(self, name: str) -> StoredValue | None:
        """The value of this name, ignoring case; ``None`` when there is none."""
        wanted = name.casefold()
        for value in self.values:
            if value.name.casefold() == wanted:
                return value
        return None


@dataclass(frozen=True)
class RegistrySnapshot:
    """The requested keys that exist.

    :param keys: by path, casefolded. Below CurrentControlSet the path is the requested one.
    :param notes: hives that are missing or damaged, logs that were replayed, limits reached.
    """

    keys: Mapping[str, StoredKey] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, *keys: StoredKey, notes: tuple[str, ...] = ()) -> RegistrySnapshot:
        """A snapshot of these keys."""
        return cls({_folded(key.path): key for key in keys}, notes)

    def key(self, path: str) -> StoredKey | None:
        """The key at this path, ignoring case; ``None`` when there is none."""
        return self.keys.get(_folded(path))

    def value(self, path: str, name: str) -> StoredValue | None:
        """A value of the key at this path; ``None`` when there is none."""
        key = self.key(path)
        return None if key is None else key.value(name)

    def below(self, path: str) -> tuple[StoredKey, ...]:
        """The subkeys of the key at this path that are in this snapshot, in the hive's order."""
        key = self.key(path)
        if key is None:
            return ()
        found = (self.key(f"{path}{_SEPARATOR}{name}") for name in key.subkeys)
        return tuple(subkey for subkey in found if subkey is not None)


def _folded(path: str) -> str:
    return path.strip(_SEPARATOR).casefold()
