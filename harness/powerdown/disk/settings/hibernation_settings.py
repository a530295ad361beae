"""Settings of hibernation and fast startup."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.disk.disk_request import KeyRequest
from powerdown.disk.settings.setting import Group, Origin, Setting
from powerdown.disk.settings.stored import NOT_READ, Hives, Stored
from powerdown.windows import registry_paths as paths
from powerdown.windows.effective_policy import starts_fast

_GROUP = Group.SLEEP
_OR_DEFAULT = ("HibernateEnabled", "HibernateEnabledDefault")

HIBERNATION_KEYS = (
    KeyRequest(paths.POWER, values=_OR_DEFAULT),
    KeyRequest(paths.FAST_STARTUP, values=("HiberbootEnabled",)),
    KeyRequest(paths.WINDOWS_POLICY, values=("HiberbootEnabled",)),
)
"""Keys to read for :func:`hibernation_settings`."""


def hibernation_settings(hives: Hives) -> Iterator[Setting]:
    """Hibernation, and fast startup, which requires it."""
    hibernation = _hibernation(hives)
    local = _switch("fast-startup-local", hives.at(paths.FAST_STARTUP, "HiberbootEnabled"), "")
    policy = _switch(
        "fast-startup-policy",
        hives.at(paths.WINDOWS_POLICY, "HiberbootEnabled"),
        " (policy)",
    )
    yield hibernation
    yield local
    yield policy
    # An absent value means off for both, as in a release without fast startup.
    available = hibernation.value if isinstance(hibernation.value, bool) else None
    on = starts_fast(_or_off(local), _or_off(policy), available)
    parts = (hibernation, local, policy)
    hidden = on is None and any(part.origin is Origin.NOT_READ for part in parts)
    yield Setting(
        "fast-startup",
        _GROUP,
        "fast startup",
        on,
        NOT_READ if on is None else "on" if on else "off",
        Origin.NOT_READ if hidden else Origin.TOGETHER,
        key=paths.FAST_STARTUP,
        value_name="HiberbootEnabled",
        raw=local.raw,
        note="from HiberbootEnabled, its policy, and hibernation, which it requires",
    )


def _hibernation(hives: Hives) -> Setting:
    id, name = "hibernation", "hibernation"
    found = [hives.at(paths.POWER, value) for value in _OR_DEFAULT]
    for stored in found:
        if stored.value is None:
            continue
        number = stored.number
        if number is None:
            return stored.unknown(id, _GROUP, name)
        shown = "on" if number else "off"
        return stored.setting(id, _GROUP, name, number != 0, shown, Origin.REGISTRY)
    if not found[0].known:
        return found[0].unknown(id, _GROUP, name)
    return found[0].setting(id, _GROUP, name, None, "not set", Origin.ABSENT, confirmed=False)


def _switch(id: str, stored: Stored, which: str) -> Setting:
    name = f"HiberbootEnabled{which}"
    if stored.absent:
        return stored.setting(id, _GROUP, name, None, "not set", Origin.ABSENT)
    number = stored.number
    if number is None:
        return stored.unknown(id, _GROUP, name)
    origin = Origin.POLICY if which else Origin.REGISTRY
    return stored.setting(id, _GROUP, name, number != 0, "on" if number else "off", origin)


def _or_off(setting: Setting) -> bool | None:
    if setting.origin is Origin.ABSENT:
        return False
    return setting.value if isinstance(setting.value, bool) else None
