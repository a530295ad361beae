"""Places in a registry snapshot: what is stored there, nothing, or not known."""

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
"""Names of the registry's types (learn: Registry value types)."""

_LONGEST = 120
_MAX_DWORD = 0xFFFFFFFF

NOT_READ = "?"
"""Stands in place of a value that is not known."""


@dataclass(frozen=True)
class RegistryPath:
    """A registry value, as online."""

    key: str
    name: str


@dataclass(frozen=True)
class Stored:
    """What lies at a place.

    :param known: whether the hive that the place is in was read.
    :param value: ``None`` where there is none.
    """

    path: RegistryPath
    known: bool
    value: StoredValue | None

    @property
    def absent(self) -> bool:
        """Whether it is known that there is no such value."""
        return self.known and self.value is None

    @property
    def number(self) -> int | None:
        """The number that is stored, as a number or as text; ``None`` for anything else."""
        data = None if self.value is None else self.value.data
        if isinstance(data, int):
            return data if 0 <= data <= _MAX_DWORD else None
        return RegistryValue("REG_SZ", data).number if isinstance(data, str) else None

    @property
    def text(self) -> str | None:
        """The text that is stored, of long text the beginning; ``None`` for anything else."""
        data = None if self.value is None else self.value.data
        return data[:_LONGEST] if isinstance(data, str) else None

    @property
    def raw(self) -> str | None:
        """What is stored, in the words of ``reg query``; of long data only the beginning."""
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
        """The setting that this place decides.

        :param secret: whether what is stored must not be shown.
        """
        raw = None if secret else self.raw
        path = self.path
        return Setting(
            id, group, name, value, shown, origin, path.key, path.name, raw, confirmed, note
        )

    def unknown(self, id: str, group: Group, name: str, *, secret: bool = False) -> Setting:
        """The setting where it cannot be known: its hive was not read, or it makes no sense."""
        origin = Origin.UNREADABLE if self.known else Origin.NOT_READ
        shown = NOT_READ if self.raw is None or secret else self.raw
        return self.setting(id, group, name, None, shown, origin, secret=secret)


class Hives:
    """A snapshot, and which hives it is of.

    A hive counts as read when any key of it is in the snapshot: of each, keys were asked for that
    every Windows has.
    """

    def __init__(self, registry: RegistrySnapshot) -> None:
        self._registry = registry
        self._read = frozenset(map(_root, registry.keys))

    def has(self, path: str) -> bool:
        """Whether the hive was read that this key would be in."""
        return _root(path) in self._read

    def at(self, key: str, name: str) -> Stored:
        """What is stored as this value."""
        return Stored(RegistryPath(key, name), self.has(key), self._registry.value(key, name))

    def key(self, path: str) -> StoredKey | None:
        """A key; ``None`` where there is none."""
        return self._registry.key(path)

    def below(self, path: str) -> tuple[StoredKey, ...]:
        """The subkeys of a key that were asked for."""
        return self._registry.below(path)

    @property
    def profiles(self) -> tuple[str, ...]:
        r"""The profiles that were read, as ``HKU\name``: .DEFAULT first."""
        paths = [key.path for key in self._registry.keys.values()]
        found = {"\\".join(path.split("\\")[:2]) for path in paths if path[:4].upper() == "HKU\\"}
        default = r"hku\.default"
        return tuple(sorted(found, key=lambda path: (path.lower() != default, path.lower())))


def _root(path: str) -> str:
    """What is read as a whole, or not: a hive, or the current control set, which a SYSTEM hive
    need not name.
    """
    parts = path.casefold().split("\\")
    depth = 3 if parts[1:3] == ["system", "currentcontrolset"] else 2
    return "\\".join(parts[:depth])


def shown_value(value: StoredValue) -> str:
    """A stored value in words, such as ``REG_DWORD 3``."""
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
