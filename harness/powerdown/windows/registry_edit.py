"""Changes to a registry as values: what to change, not how.

The same change can be made online by a command line and offline to the hives of a guest that is
off (:mod:`offline_registry`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

ACTIVE_SCHEME = "<active scheme>"
"""Stands in a path for the GUID of the power scheme that is active on the disk
(fact:active-scheme)."""

Data = int | str | tuple[str, ...] | bytes
"""What a value holds, by its type."""


class ValueType(IntEnum):
    """Types of registry values (winnt.h)."""

    SZ = 1
    EXPAND_SZ = 2
    BINARY = 3
    DWORD = 4
    MULTI_SZ = 7
    QWORD = 11


class EditAction(StrEnum):
    """What is done to a key or a value."""

    SET_VALUE = "set value"
    """Its key is created where it is missing."""
    DELETE_VALUE = "delete value"
    CREATE_KEY = "create key"
    DELETE_KEY = "delete key"
    """With everything in it."""


@dataclass(frozen=True)
class RegistryEdit:
    r"""One change.

    Deleting what does not exist succeeds.

    :param action: what is done.
    :param path: of the key as Windows shows it while it runs: ``HKLM\SYSTEM\CurrentControlSet\...``
        (the control set that the next start takes), ``HKLM\SOFTWARE\...``, ``HKU\.DEFAULT\...``,
        ``HKU\<folder of a profile>\...``, or ``HKCU\...`` of the user who is logged on by itself.
        :data:`ACTIVE_SCHEME` may stand for a part.
    :param name: of the value; ``None`` where a key is created or deleted.
    :param type: of the value that is set.
    :param data: what is set; fits ``type``.
    """

    action: EditAction
    path: str
    name: str | None = None
    type: ValueType | None = None
    data: Data | None = None

    def __str__(self) -> str:
        if self.name is None:
            return f"{self.action} {self.path}"
        if self.type is None:
            return f"{self.action} {self.path} {self.name}"
        return f"{self.action} {self.path} {self.name} = REG_{self.type.name} {self.data!r}"


def set_value(path: str, name: str, type: ValueType, data: Data) -> RegistryEdit:
    """Set a value.

    :param data: fits the type.
    """
    return RegistryEdit(EditAction.SET_VALUE, path, name, type, data)


def set_dword(path: str, name: str, data: int) -> RegistryEdit:
    """Set a number of 32 bits."""
    return RegistryEdit(EditAction.SET_VALUE, path, name, ValueType.DWORD, int(data))


def set_text(path: str, name: str, data: str) -> RegistryEdit:
    """Set a text without variables."""
    return RegistryEdit(EditAction.SET_VALUE, path, name, ValueType.SZ, data)


def delete_value(path: str, name: str) -> RegistryEdit:
    """Remove one value."""
    return RegistryEdit(EditAction.DELETE_VALUE, path, name)


def create_key(path: str) -> RegistryEdit:
    """Create a key without values, and those above it."""
    return RegistryEdit(EditAction.CREATE_KEY, path)


def delete_key(path: str) -> RegistryEdit:
    """Remove a key with everything in it."""
    return RegistryEdit(EditAction.DELETE_KEY, path)
