"""Markers of pending update work (fact:update-markers)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from powerdown.disk.disk_request import KeyRequest
from powerdown.disk.settings.setting import Group, Origin, Setting
from powerdown.disk.settings.stored import NOT_READ, Hives
from powerdown.windows import registry_paths as paths
from powerdown.windows.update_markers import MARKERS

PENDING_XML = r"Windows\WinSxS\pending.xml"
"""Servicing's list of pending work; what it means is fact:pending-xml."""

MARK = "update-mark:"
"""Prefix of the ids of these settings; the marker's name follows."""

_KEYS = {
    "RebootPending": paths.REBOOT_PENDING,
    "RebootInProgress": paths.REBOOT_IN_PROGRESS,
    "RebootRequired": paths.REBOOT_REQUIRED,
}
"""Markers that are keys."""

_VALUES = ("PendingFileRenameOperations", "SetupExecute")
"""Markers that are values of the session manager."""

_MORE_KEYS = {"PackagesPending": rf"{paths.SERVICING}\PackagesPending"}
_SESSIONS = rf"{paths.SERVICING}\SessionsPending"

UPDATE_KEYS = (
    KeyRequest(paths.SERVICING, values=()),
    *(KeyRequest(key, values=()) for key in (*_KEYS.values(), *_MORE_KEYS.values())),
    KeyRequest(_SESSIONS, values=("Exclusive",)),
    KeyRequest(paths.SESSION_MANAGER, values=_VALUES),
)
"""Keys to read for :func:`update_settings`."""


def update_settings(hives: Hives, files: Mapping[str, int | None] | None) -> Iterator[Setting]:
    """All markers, set or not.

    :param files: sizes of files; ``None`` if only a hive was read.
    """
    for name in MARKERS:
        if name in _KEYS:
            yield _key(hives, name, _KEYS[name])
        elif name in _VALUES:
            yield _value(hives, name)
        else:
            yield _pending_xml(name, files)
    for name, key in _MORE_KEYS.items():
        yield _key(hives, name, key, confirmed=False)
    yield _sessions(hives)


def _key(hives: Hives, name: str, key: str, *, confirmed: bool = True) -> Setting:
    id = f"{MARK}{name}"
    if not hives.has(key):
        return Setting(id, Group.UPDATES, name, None, NOT_READ, Origin.NOT_READ, key)
    there = hives.key(key) is not None
    return Setting(
        id,
        Group.UPDATES,
        name,
        there,
        "yes" if there else "no",
        Origin.REGISTRY if there else Origin.ABSENT,
        key,
        raw="key" if there else None,
        confirmed=confirmed,
    )


def _value(hives: Hives, name: str) -> Setting:
    id = f"{MARK}{name}"
    stored = hives.at(paths.SESSION_MANAGER, name)
    if not stored.known:
        return stored.unknown(id, Group.UPDATES, name)
    data = None if stored.value is None else stored.value.data
    if name == "SetupExecute":
        # It always exists, usually empty.
        there = any(map(str.strip, data)) if isinstance(data, tuple) else bool(data)
    else:
        there = data is not None
    origin = Origin.ABSENT if stored.absent else Origin.REGISTRY
    note = "installers set it too; takes effect at the next start" if name == _VALUES[0] else ""
    shown = "yes" if there else "no"
    return stored.setting(id, Group.UPDATES, name, there, shown, origin, note=note)


def _pending_xml(name: str, files: Mapping[str, int | None] | None) -> Setting:
    id = f"{MARK}{name}"
    if files is None or PENDING_XML not in files:
        return Setting(id, Group.UPDATES, name, None, NOT_READ, Origin.NOT_READ, confirmed=False)
    size = files[PENDING_XML]
    return Setting(
        id,
        Group.UPDATES,
        name,
        size is not None,
        "no" if size is None else "yes",
        Origin.VOLUME,
        raw=None if size is None else f"{PENDING_XML}: {size} bytes",
        confirmed=False,
    )


def _sessions(hives: Hives) -> Setting:
    id, name = "sessions-pending", "SessionsPending"
    stored = hives.at(_SESSIONS, "Exclusive")
    if stored.absent:
        return stored.setting(
            id, Group.UPDATES, name, None, "not set", Origin.ABSENT, confirmed=False
        )
    if stored.number is None:
        return stored.unknown(id, Group.UPDATES, name)
    shown = "yes" if stored.number else "no"
    return stored.setting(
        id, Group.UPDATES, name, stored.number != 0, shown, Origin.REGISTRY, confirmed=False
    )
