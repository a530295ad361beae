r"""The registry of the running system, assembled from hives on a disk.

Mount points of the files: fact:hive-files, fact:control-set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from powerdown.core.errors import DiskError
from powerdown.disk.hive.hive import Hive, ReadBudget
from powerdown.disk.registry_snapshot import RegistrySnapshot, StoredKey
from powerdown.windows.settings.key_request import KeyRequest

SYSTEM = r"HKLM\SYSTEM"
SOFTWARE = r"HKLM\SOFTWARE"
DEFAULT = r"HKU\.DEFAULT"
USERS = "HKU"
EVERY_USER = "*"

_CURRENT = "CurrentControlSet"
_MOST_SETS = 999


@dataclass(frozen=True)
class Mounted:
    """A hive and its mount point.

    :param at: its path in the running system: one of the names above or ``HKU\\<folder>``.
    """

    at: str
    hive: Hive


def read_registry(
    mounted: Sequence[Mounted], requests: Sequence[KeyRequest], notes: Sequence[str] = ()
) -> RegistrySnapshot:
    """Read the requested keys that exist.

    :param notes: notes so far, such as on missing hives.
    """
    budget = ReadBudget()
    for note in notes:
        budget.note(note)
    for mount in mounted:
        for note in mount.hive.notes:
            budget.note(note)
    keys: dict[str, StoredKey] = {}
    for request in requests:
        for mount, path in _places(mounted, request.path):
            for key in _read(mount, path, request, budget):
                folded = key.path.casefold()
                keys[folded] = _joined(keys[folded], key) if folded in keys else key
    return RegistrySnapshot(keys, tuple(budget.notes))


def wanted_mounts(requests: Sequence[KeyRequest]) -> frozenset[str]:
    r"""The requested hives: names above, ``HKU\*`` for all users, or ``HKU\<folder>``."""
    return frozenset(_mount_of(request.path)[0] for request in requests)


def _mount_of(path: str) -> tuple[str, str]:
    """The mount point of a path's hive, and the path from its root."""
    parts = path.strip("\\").split("\\")
    if len(parts) < 2:
        raise DiskError(
            f"read the registry key {path}", "it is not in a hive", r"Use a key below HKLM\SYSTEM."
        )
    at = "\\".join(parts[:2])
    for known in (SYSTEM, SOFTWARE, DEFAULT):
        if at.casefold() == known.casefold():
            return known, "\\".join(parts[2:])
    if parts[0].upper() == USERS:
        return f"{USERS}\\{parts[1]}", "\\".join(parts[2:])
    raise DiskError(
        f"read the registry key {path}",
        "it is in none of the hives that are read: SYSTEM, SOFTWARE, and those of users",
        "This is a bug in Powerdown.",
    )


def _places(mounted: Sequence[Mounted], path: str) -> Iterator[tuple[Mounted, str]]:
    at, below = _mount_of(path)
    for mount in mounted:
        folded = mount.at.casefold()
        every = at == f"{USERS}\\{EVERY_USER}" and folded.startswith(f"{USERS}\\".casefold())
        if (every and mount.at != DEFAULT) or folded == at.casefold():
            yield mount, below


def _read(
    mount: Mounted, path: str, request: KeyRequest, budget: ReadBudget
) -> Iterator[StoredKey]:
    stored = path
    first, _, rest = path.partition("\\")
    if mount.at == SYSTEM and first.casefold() == _CURRENT.casefold():
        current = _current_set(mount.hive, budget)
        if current is None:
            return
        stored = f"{current}\\{rest}" if rest else current
    online = f"{mount.at}\\{path}" if path else mount.at
    values = None
    if request.values is not None:
        values = frozenset(name.casefold() for name in request.values)
    yield from mount.hive.read(stored, online, request.depth, values, budget)


def _current_set(hive: Hive, budget: ReadBudget) -> str | None:
    """The control set that is ``CurrentControlSet`` in the running system."""
    try:
        current = hive.value("Select", "Current")
    except DiskError as error:
        budget.note(f"the current control set cannot be determined: {error.actual}")
        return None
    if current is None or not isinstance(current.data, int) or not 0 < current.data <= _MOST_SETS:
        budget.note(r"the current control set cannot be determined: Select\Current has no number")
        return None
    return f"ControlSet{current.data:03d}"


def _joined(one: StoredKey, other: StoredKey) -> StoredKey:
    """One key with the values of two requests."""
    have = {value.name.casefold() for value in one.values}
    more = tuple(value for value in other.values if value.name.casefold() not in have)
    return StoredKey(one.path, one.values + more, one.subkeys)


def kind_of(hive: Hive, file_name: str) -> str | None:
    """The mount point of a single hive, determined by its content; ``None`` if unknown.

    :param file_name: the name of its file, which distinguishes a user's hive from DEFAULT: they
        have the same keys.
    """
    roots = {name.casefold() for name in hive.names("") or ()}
    if "select" in roots and any(name.startswith("controlset0") for name in roots):
        return SYSTEM
    if hive.names(r"Microsoft\Windows NT\CurrentVersion") is not None:
        return SOFTWARE
    if {"control panel", "software"} <= roots or hive.names(r"Software\Microsoft") is not None:
        stem = file_name.partition(".")[0]
        return DEFAULT if stem.casefold() == "default" else f"{USERS}\\{file_name}"
    return None


def read_alone(hive: Hive, file_name: str, requests: Sequence[KeyRequest]) -> RegistrySnapshot:
    """Read the requested keys of a single hive.

    Paths are as in the running system if it is known which hive it is, otherwise from its root.
    """
    at = kind_of(hive, file_name)
    if at is not None:
        return read_registry([Mounted(at, hive)], requests, [f"{file_name} is {_description(at)}"])
    budget = ReadBudget()
    budget.note(f"it is not known which hive {file_name} is; paths are from its root")
    for note in hive.notes:
        budget.note(note)
    keys: dict[str, StoredKey] = {}
    for request in requests:
        values = None
        if request.values is not None:
            values = frozenset(name.casefold() for name in request.values)
        for key in hive.read(request.path, request.path.strip("\\"), request.depth, values, budget):
            keys[key.path.casefold()] = key
    return RegistrySnapshot(keys, tuple(budget.notes))


_DESCRIPTIONS: Mapping[str, str] = {
    SYSTEM: "a SYSTEM hive",
    SOFTWARE: "a SOFTWARE hive",
    DEFAULT: "the DEFAULT hive, used while nobody is logged on",
}


def _description(at: str) -> str:
    return _DESCRIPTIONS.get(at, "a user's hive")
