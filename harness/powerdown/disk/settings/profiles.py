r"""Settings of each profile for programs that do not end: ``Control Panel\Desktop``
(fact:desktop-values)."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.disk.disk_request import KeyRequest
from powerdown.disk.settings.setting import Group, Origin, Setting
from powerdown.disk.settings.stored import Hives
from powerdown.disk.settings.switches import milliseconds
from powerdown.windows import registry_paths as paths
from powerdown.windows.user_settings import HUNG_APP_MS, WAIT_TO_KILL_APP_MS

_TIMES = (
    ("hung-app-timeout", "HungAppTimeout", HUNG_APP_MS, True),
    ("wait-to-kill-app-timeout", "WaitToKillAppTimeout", WAIT_TO_KILL_APP_MS, False),
)
"""Id, name, default in milliseconds, and whether that default is confirmed."""

_VALUES = ("AutoEndTasks", *(name for _, name, _, _ in _TIMES))
_MOST_PROFILES = 64

PROFILE_KEYS = (
    KeyRequest(rf"HKU\.DEFAULT\{paths.DESKTOP}", values=_VALUES),
    KeyRequest(rf"HKU\*\{paths.DESKTOP}", values=_VALUES),
)
"""Values to read from every profile. ``.DEFAULT`` is the logon screen's."""


def profile_settings(hives: Hives) -> Iterator[Setting]:
    """The settings of all profiles that were read."""
    for profile in hives.profiles[:_MOST_PROFILES]:
        yield from _of(hives, profile)


def auto_end_tasks(profile: str) -> str:
    """The id of the setting AutoEndTasks of the profile in a folder of this name."""
    return f"auto-end-tasks:{profile.lower()}"


def _of(hives: Hives, profile: str) -> Iterator[Setting]:
    key, user = rf"{profile}\{paths.DESKTOP}", profile.partition("\\")[2]
    stored = hives.at(key, "AutoEndTasks")
    id, name = auto_end_tasks(user), f"AutoEndTasks of {user}"
    number = 0 if stored.absent else stored.number
    if number is None:
        yield stored.unknown(id, Group.APPLICATIONS, name)
    else:
        yield stored.setting(
            id,
            Group.APPLICATIONS,
            name,
            number != 0,
            "on" if number else "off",
            Origin.DOCUMENTED if stored.absent else Origin.REGISTRY,
        )
    for prefix, value, default, confirmed in _TIMES:
        stored = hives.at(key, value)
        time = default if stored.absent else stored.number
        id, name = f"{prefix}:{user.lower()}", f"{value} of {user}"
        if time is None:
            yield stored.unknown(id, Group.APPLICATIONS, name)
            continue
        yield stored.setting(
            id,
            Group.APPLICATIONS,
            name,
            time,
            milliseconds(time),
            Origin.DOCUMENTED if stored.absent else Origin.REGISTRY,
            confirmed=confirmed or not stored.absent,
        )
