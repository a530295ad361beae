"""What a registry holds, whether it was read from a running guest or from a disk."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

Data = int | str | tuple[str, ...] | bytes
"""The data of a value; bytes where it does not fit the type, which Windows allows."""

_LONGEST = 120
_MAX_DWORD = 0xFFFFFFFF
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})", re.ASCII)


@dataclass(frozen=True)
class StoredData:
    """The data of a registry value.

    :param kind: its type, such as ``REG_DWORD``.
    """

    kind: str
    data: Data

    def __str__(self) -> str:
        data = self.data
        if isinstance(data, bytes):
            text = f"{len(data)} bytes"
        elif isinstance(data, tuple):
            text = f"{len(data)} strings"
        elif isinstance(data, str):
            text = f'"{data}"' if len(data) <= _LONGEST else f'"{data[:_LONGEST]}..."'
        else:
            text = f"{data}" if data < 10 else f"{data} (0x{data:x})"
        return f"{self.kind} {text}"


@dataclass(frozen=True)
class Stored:
    """The result of looking up a registry value.

    :param key: its key, as in the running system.
    :param known: whether the key's hive was read.
    :param value: ``None`` if there is none.
    """

    key: str
    name: str
    known: bool
    value: StoredData | None

    @property
    def absent(self) -> bool:
        """Whether it is known that the value does not exist."""
        return self.known and self.value is None

    @property
    def number(self) -> int | None:
        """The stored number of 32 bits, as a number or as text; ``None`` for anything else."""
        data = None if self.value is None else self.value.data
        if isinstance(data, str):
            return number_in(data)
        return data if isinstance(data, int) and 0 <= data <= _MAX_DWORD else None

    @property
    def text(self) -> str | None:
        """The stored text, truncated if long; ``None`` for anything else."""
        data = None if self.value is None else self.value.data
        return data[:_LONGEST] if isinstance(data, str) else None

    @property
    def raw(self) -> str | None:
        """The stored data as ``reg query`` prints it, truncated if long."""
        return None if self.value is None else str(self.value)


def number_in(text: str) -> int | None:
    """The number of 32 bits that a text consists of, decimal or hexadecimal with ``0x``."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = int(text, 16 if text[:2].lower() == "0x" else 10)
    return number if number <= _MAX_DWORD else None


class PowerSource(IntEnum):
    """Which of a power setting's two values; a guest without battery runs on AC
    (fact:vm-is-on-ac)."""

    AC = 0
    DC = 1

    @property
    def index_name(self) -> str:
        """Name of the registry value of this power source."""
        return f"{self.name}SettingIndex"


class Registry(Protocol):
    """A registry that settings are read from. Names of keys and values fold case."""

    def has(self, path: str) -> bool:
        """Whether the hive of this key was read."""
        ...

    def at(self, key: str, name: str) -> Stored:
        """Look up a value."""
        ...

    def exists(self, path: str) -> bool:
        """Whether the key exists."""
        ...

    def below(self, path: str) -> Iterable[str]:
        """Names of the subkeys of a key that were read."""
        ...

    def values(self, path: str) -> Iterable[tuple[str, StoredData]]:
        """The values of a key that were read, with their names."""
        ...

    @property
    def profiles(self) -> Iterable[str]:
        """Names of the profiles that were read, as below ``HKU``."""
        ...

    @property
    def scheme(self) -> str | None:
        """GUID of the active power scheme, in lower case; ``None`` if it is not known."""
        ...

    def current_index(self, guid: str, source: PowerSource) -> int | None:
        """A setting of the active scheme as ``powercfg`` printed it, its default read through;
        ``None`` if it was not asked."""
        ...
