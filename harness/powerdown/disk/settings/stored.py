"""Lookup in a registry snapshot: a value, no value, or not known."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.disk.registry_snapshot import RegistrySnapshot, StoredKey, StoredValue
from powerdown.disk.settings.setting import Group, Origin, Setting, SettingValue
from powerdown.windows.registry_output import RegistryValue

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

_LONGEST = 120
_MAX_DWORD = 0xFFFFFFFF

NOT_READ = "?"
"""Shown for a value that is not known."""


@dataclass(frozen=True)
class RegistryPath:
    """The path of a registry value, as in the running system."""

    key: str
    name: str


@dataclass(frozen=True)
class Stored:
    """The result of looking up a registry value.

    :param known: whether the hive was read.
    :param value: ``None`` if there is none.
    """

    path: RegistryPath
    known: bool
    value: StoredValue | None

    @property
    def absent(self) -> bool:
        """Whether it is known that the value does not exist."""
        return self.known and self.value is None

    @property
    def number(self) -> int | None:
        """The stored number, as a number or as text; ``None`` for anything else."""
        data = None if self.value is None else self.value.data
        if isinstance(data, int):
            return data if 0 <= data <= _MAX_DWORD else None
        return RegistryValue("REG_SZ", data).number if isinstance(data, str) else None

    @property
    def text(self) -> str | None:
        """The stored text, truncated if long; ``None`` for anything else."""
        data = None if self.value is None else self.value.data
        return data[:_LONGEST] if isinstance(data, str) else None

    @property
    def raw(self) -> str | None:
        """The stored data as ``reg query`` prints it, truncated if long."""
        return None if self.value is None else shown_value(self.value)

    def setting(
        self,
        id: str,
        group: Group,
        name: str,
        value: SettingValue,
        shown: str,
        origin: Origin,
        *,
        confirmed: bool = True,
        note: str = "",
        secret: bool = False,
    ) -> Setting:
        """The setting that this value determines.

        :param secret: whether the data must not be shown.
        """
        raw = None if secret else self.raw
        path = self.path
        return Setting(
            id, group, name, value, shown, origin, path.key, path.name, raw, confirmed, note
        )

    def unknown(self, id: str, group: Group, name: str, *, secret: bool = False) -> Setting:
        """The setting if it is unknown: the hive was not read, or the data is invalid."""
        origin = Origin.UNREADABLE if self.known else Origin.NOT_READ
        shown = NOT_READ if self.raw is None or secret else self.raw
        return self.setting(id, group, name, None, shown, origin, secret=secret)


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
        return Stored(RegistryPath(key, name), self.has(key), self._registry.value(key, name))

    def key(self, path: str) -> StoredKey | None:
        """A key; ``None`` if there is none."""
        return self._registry.key(path)

    def below(self, path: str) -> tuple[StoredKey, ...]:
        """The requested subkeys of a key."""
        return self._registry.below(path)

    @property
    def profiles(self) -> tuple[str, ...]:
        r"""The profiles that were read, as ``HKU\name``; .DEFAULT first."""
        paths = [key.path for key in self._registry.keys.values()]
        found = {"\\".join(path.split("\\")[:2]) for path in paths if path[:4].upper() == "HKU\\"}
        default = r"hku\.default"
        return tuple(sorted(found, key=lambda path: (path.lower() != default, path.lower())))


def _root(path: str) -> str:
    """The part that is read as a whole or not at all: a hive, or the current control set, which a
    SYSTEM hive may not name.
    """
    parts = path.casefold().split("\\")
    depth = 3 if parts[1:3] == ["system", "currentcontrolset"] else 2
    return "\\".join(parts[:depth])


def shown_value(value: StoredValue) -> str:
    """A stored value as text, such as ``REG_DWORD 3``."""
    kind = _TYPES.get(value.type, f"type {value.type}")
    data = value.data
    if isinstance(data, bytes):
        text = f"{len(data)} bytes"
    elif isinstance(data, tuple):
        text = f"{len(data)} strings"
    elif isinstance(data, str):
        text = f'"{data}"' if len(data) <= _LONGEST else f'"{data[:_LONGEST]}..."'
    else:
        text = f"{data}" if data < 10 else f"{data} (0x{data:x})"
    return f"{kind} {text}"
