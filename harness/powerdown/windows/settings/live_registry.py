"""The registry of a running guest, as far as ``reg query`` and ``powercfg`` printed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from powerdown.windows.registry_output import RegistryOutput, RegistryValue
from powerdown.windows.settings.stored_value import (
    Data,
    PowerSource,
    Stored,
    StoredData,
    number_in,
)

_ROOTS = {"HKLM": "HKEY_LOCAL_MACHINE", "HKU": "HKEY_USERS"}
_NUMBERS = ("REG_DWORD", "REG_QWORD")


@dataclass(frozen=True)
class LiveRegistry:
    """What was printed.

    :param output: all that was printed; ``None`` where nothing was answered.
    :param users: names of the users whose settings are read, by SID.
    :param indexes: what ``powercfg`` printed, by GUID of the setting.
    """

    output: RegistryOutput | None
    users: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, Mapping[PowerSource, int]] = field(default_factory=dict)

    @property
    def profiles(self) -> Iterable[str]:
        """Names of the users."""
        return self.users.values()

    @property
    def scheme(self) -> str | None:
        """Not known: ``powercfg`` reads the active scheme through."""
        return None

    def current_index(self, guid: str, source: PowerSource) -> int | None:
        """What ``powercfg`` printed; ``None`` if it was not asked."""
        return self.indexes.get(guid, {}).get(source)

    def has(self, path: str) -> bool:
        """Whether anything was answered."""
        return self.output is not None

    def at(self, key: str, name: str) -> Stored:
        """Look up a value; one that was not printed is not there."""
        found = self._values(key).get(name.lower())
        return Stored(key, name, self.output is not None, None if found is None else _data(found))

    def exists(self, path: str) -> bool:
        """Whether any value of the key was printed."""
        return bool(self._values(path))

    def below(self, path: str) -> Iterable[str]:
        """Names of the subkeys of which a value was printed."""
        above = f"{self._printed(path)}\\"
        keys = () if self.output is None else self.output.keys
        rest = [key[len(above) :] for key in keys if key.lower().startswith(above)]
        return [name for name in rest if "\\" not in name]

    def values(self, path: str) -> Iterable[tuple[str, StoredData]]:
        """The printed values of a key."""
        return [(name, _data(value)) for name, value in self._values(path).items()]

    def _values(self, path: str) -> Mapping[str, RegistryValue]:
        return self._keys.get(self._printed(path), {})

    @cached_property
    def _keys(self) -> Mapping[str, Mapping[str, RegistryValue]]:
        """The printed keys by path in lower case; the first of those that differ in case."""
        printed = () if self.output is None else self.output.keys.items()
        found: dict[str, Mapping[str, RegistryValue]] = {}
        for key, values in printed:
            found.setdefault(key.lower(), values)
        return found

    def _printed(self, path: str) -> str:
        """The path as ``reg`` prints it, in lower case."""
        root, _, rest = path.partition("\\")
        user, _, below = rest.partition("\\")
        sids = [sid for sid, name in self.users.items() if name.lower() == user.lower()]
        if root == "HKU" and sids:
            rest = rf"{sids[0]}\{below}"
        return rf"{_ROOTS.get(root, root)}\{rest}".lower()


def _data(value: RegistryValue) -> StoredData:
    data: Data = value.data
    if value.kind in _NUMBERS:
        number = number_in(value.data)
        data = value.data if number is None else number
    elif value.kind == "REG_MULTI_SZ":
        data = tuple(part for part in value.data.split(r"\0") if part)
    return StoredData(value.kind, data)
