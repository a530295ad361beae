"""Settings of the active power scheme: policy, the scheme's own value, or its default
(fact:button-action-store).

A scheme usually has no value of its own, so the default must be read too: that is where a stock
image's button may be set to sleep (fact:button-default-sleep).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from powerdown.disk.disk_request import KeyRequest
from powerdown.disk.settings.setting import Group, Origin, Setting
from powerdown.disk.settings.stored import NOT_READ, Hives, Stored
from powerdown.windows import registry_paths as paths
from powerdown.windows.commands import PBUTTONACTION, SUB_BUTTONS, ButtonAction, PowerSource
from powerdown.windows.power_commands import SUB_VIDEO, VIDEOIDLE

SUB_SLEEP = "238c9fa8-0aad-41ed-83f4-97be242c8f20"
"""Sleep sub-group (fact:sleep-settings)."""

SHUTDOWN_FORCED = "833a6b62-dfa4-46d1-82f8-e09e34d029d6"
"""Alias SHUTDOWN, under the buttons: 0 normal, 1 forced (learn: power settings); its effect on a
press is fact:forced-shutdown-setting."""

_SLEEP_BUTTON = "96996bc0-ad50-47ec-923b-6f41874dd9eb"
_STANDBYIDLE = "29f6c1db-86da-48c5-9fdb-f2b67b1f44da"
_HIBERNATEIDLE = "9d7815a6-7ee4-497e-8888-515a05f02364"
_VIDEOCONLOCK = "8ec4b3a5-6868-48c2-be75-4f3044be88a7"
"""Facts 4, 6, 7."""

SCHEMES = {
    "381b4222-f694-41f0-9685-ff5bb260df2e": "Balanced",
    "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c": "High performance",
    "a1841308-3541-4fab-bc81-f71556f20b4a": "Power saver",
}
"""The schemes that every Windows has (fact:active-scheme)."""

_GUID = re.compile(r"\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.IGNORECASE)


def _seconds(index: int) -> str:
    return "never" if index == 0 else f"after {index} s"


def _action(index: int) -> str:
    if index not in set(ButtonAction):
        return f"{index} (undocumented)"
    return f"{index} ({ButtonAction(index).name.lower().replace('_', ' ')})"


def _forced(index: int) -> str:
    return {0: "0 (normal)", 1: "1 (forced)"}.get(index, f"{index}")


@dataclass(frozen=True)
class _PowerSetting:
    """A setting of a power scheme.

    :param default: the effective value where no default is stored either; ``None`` where nothing
        is documented (fact:power-setting-defaults).
    """

    id: str
    group: Group
    name: str
    sub: str
    guid: str
    shown: Callable[[int], str]
    sources: tuple[PowerSource, ...] = (PowerSource.AC, PowerSource.DC)
    default: int | None = None
    confirmed: bool = True


_AC_ONLY = (PowerSource.AC,)
"""A guest without a battery runs on AC power."""

_SETTINGS = (
    _PowerSetting(
        "power-button", Group.BUTTON, "PBUTTONACTION", SUB_BUTTONS, PBUTTONACTION, _action
    ),
    _PowerSetting(
        "sleep-button",
        Group.BUTTON,
        "SBUTTONACTION",
        SUB_BUTTONS,
        _SLEEP_BUTTON,
        _action,
        sources=_AC_ONLY,
    ),
    _PowerSetting(
        "forced-shutdown",
        Group.BUTTON,
        "SHUTDOWN (hidden)",
        SUB_BUTTONS,
        SHUTDOWN_FORCED,
        _forced,
        sources=_AC_ONLY,
        default=0,
        confirmed=False,
    ),
    _PowerSetting("standby-idle", Group.SLEEP, "STANDBYIDLE", SUB_SLEEP, _STANDBYIDLE, _seconds),
    _PowerSetting(
        "hibernate-idle", Group.SLEEP, "HIBERNATEIDLE", SUB_SLEEP, _HIBERNATEIDLE, _seconds
    ),
    _PowerSetting("video-idle", Group.SLEEP, "VIDEOIDLE", SUB_VIDEO, VIDEOIDLE, _seconds),
    _PowerSetting(
        "console-lock-video-idle",
        Group.SLEEP,
        "VIDEOCONLOCK",
        SUB_VIDEO,
        _VIDEOCONLOCK,
        _seconds,
        sources=_AC_ONLY,
        default=60,
        confirmed=False,
    ),
)

_INDEXES = ("ACSettingIndex", "DCSettingIndex")
_PROVISIONED = "Prov"
"""Prefix of the names of additional defaults that a manufacturer can provision. Public tools
disagree on which of the two Windows uses (fact:provisioned-defaults)."""

POWER_SCHEME_KEYS = (
    # Schemes can have any GUID; a setting is three levels below.
    KeyRequest(paths.POWER_SCHEMES, depth=3, values=("ActivePowerScheme", *_INDEXES)),
    KeyRequest(paths.POWER_POLICY, depth=1, values=("ActivePowerScheme", *_INDEXES)),
    *(
        KeyRequest(
            rf"{paths.POWER_DEFAULTS}\{setting.sub}\{setting.guid}\DefaultPowerSchemeValues",
            depth=1,
            values=(*_INDEXES, *(f"{_PROVISIONED}{index}" for index in _INDEXES)),
        )
        for setting in _SETTINGS
    ),
)
"""Keys to read for :func:`power_scheme_settings`."""


def power_scheme_settings(hives: Hives) -> Iterator[Setting]:
    """The active scheme and its settings."""
    scheme, active = _active_scheme(hives)
    yield scheme
    for setting in _SETTINGS:
        for source in setting.sources:
            yield _read(hives, setting, source, active)


def _active_scheme(hives: Hives) -> tuple[Setting, str | None]:
    """The setting, and the scheme's GUID if it is known."""
    id, name = "power-scheme", "active power scheme"
    policy = hives.at(paths.POWER_POLICY, "ActivePowerScheme")
    own = hives.at(paths.POWER_SCHEMES, "ActivePowerScheme")
    for stored, origin in ((policy, Origin.POLICY), (own, Origin.REGISTRY)):
        guid = _GUID.fullmatch((stored.text or "").strip())
        if guid is not None:
            scheme = guid[1].lower()
            shown = SCHEMES.get(scheme, scheme)
            return stored.setting(id, Group.BUTTON, name, scheme, shown, origin), scheme
    if own.absent:
        return own.setting(id, Group.BUTTON, name, None, "not set", Origin.ABSENT), None
    return own.unknown(id, Group.BUTTON, name), None


def _read(hives: Hives, setting: _PowerSetting, source: PowerSource, scheme: str | None) -> Setting:
    id = f"{setting.id}-{source.name.lower()}"
    name = f"{setting.name} on {source.name}"
    value = f"{source.name}SettingIndex"
    policy = hives.at(rf"{paths.POWER_POLICY}\{setting.guid}", value)
    candidates = [(policy, Origin.POLICY)]
    if scheme is not None:
        below = rf"{setting.sub}\{setting.guid}"
        candidates += [
            (hives.at(rf"{paths.POWER_SCHEMES}\{scheme}\{below}", value), Origin.SCHEME),
            (
                hives.at(
                    rf"{paths.POWER_DEFAULTS}\{below}\DefaultPowerSchemeValues\{scheme}",
                    value,
                ),
                Origin.SCHEME_DEFAULT,
            ),
        ]
    for stored, origin in candidates:
        if stored.value is None:
            continue
        index = stored.number
        if index is None:
            return stored.unknown(id, setting.group, name)
        other = (
            _provisioned(hives, setting, stored, index) if origin is Origin.SCHEME_DEFAULT else ""
        )
        return stored.setting(
            id,
            setting.group,
            name,
            index,
            setting.shown(index),
            origin,
            confirmed=setting.confirmed and not other,
            note=other,
        )
    return _nowhere(setting, id, name, candidates[-1][0], hives, scheme)


def _provisioned(hives: Hives, setting: _PowerSetting, stored: Stored, index: int) -> str:
    """A note on a provisioned default that differs; empty if there is none."""
    path = stored.path
    other = hives.at(path.key, f"{_PROVISIONED}{path.name}")
    if other.number in (None, index):
        return ""
    return f"{other.path.name} there is {setting.shown(other.number)} and may apply instead"


def _nowhere(
    setting: _PowerSetting, id: str, name: str, last: Stored, hives: Hives, scheme: str | None
) -> Setting:
    """The setting if no hive that was read has a value for it."""
    if not hives.has(paths.POWER_SCHEMES) or scheme is None:
        missing = last.setting(id, setting.group, name, None, NOT_READ, Origin.NOT_READ)
        return replace(missing, note="" if scheme is None else "no power scheme was read")
    if setting.default is not None:
        return last.setting(
            id,
            setting.group,
            name,
            setting.default,
            setting.shown(setting.default),
            Origin.DOCUMENTED,
            confirmed=False,
        )
    note = (
        "" if scheme in SCHEMES else "a custom scheme: the scheme it was derived from is not known"
    )
    return last.setting(
        id, setting.group, name, None, "not set", Origin.ABSENT, confirmed=False, note=note
    )
