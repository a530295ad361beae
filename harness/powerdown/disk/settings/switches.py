"""Settings that are a single registry value: switches, times, numbers, texts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from powerdown.disk.disk_request import KeyRequest
from powerdown.disk.settings.setting import Group, Origin, Setting, SettingValue
from powerdown.disk.settings.stored import Hives, Stored
from powerdown.windows import registry_paths as paths
from powerdown.windows.service_commands import DEFAULT_WAIT_TO_KILL_SERVICE_MS


class Kind(Enum):
    """The kind of a value."""

    SWITCH = auto()
    """0 for off, any other number for on."""
    NUMBER = auto()
    MILLISECONDS = auto()
    TEXT = auto()


@dataclass(frozen=True)
class OneValue:
    """A setting that is a single registry value.

    :param default: the effective value if it is absent; ``None`` if nothing is documented.
    :param confirmed: whether its meaning is documented.
    :param value_name: the value's name, if it is not ``name``.
    """

    id: str
    group: Group
    name: str
    key: str
    kind: Kind
    default: SettingValue = None
    confirmed: bool = True
    value_name: str = ""
    note: str = ""

    def read(self, hives: Hives) -> Setting:
        """Read the setting."""
        stored = hives.at(self.key, self.value_name or self.name)
        if stored.absent:
            return self._absent(stored)
        value = self._value(stored)
        if value is None:
            return stored.unknown(self.id, self.group, self.name)
        shown = _shown(value, self.kind)
        origin = Origin.POLICY if self.key.startswith(paths.POLICIES) else Origin.REGISTRY
        return stored.setting(
            self.id,
            self.group,
            self.name,
            value,
            shown,
            origin,
            confirmed=self.confirmed,
            note=self.note,
        )

    def _absent(self, stored: Stored) -> Setting:
        documented = self.default is not None
        return stored.setting(
            self.id,
            self.group,
            self.name,
            self.default,
            _shown(self.default, self.kind) if self.default is not None else "not set",
            Origin.DOCUMENTED if documented else Origin.ABSENT,
            confirmed=self.confirmed,
            note=self.note,
        )

    def _value(self, stored: Stored) -> SettingValue:
        if self.kind is Kind.TEXT:
            return stored.text
        number = stored.number
        return number != 0 if self.kind is Kind.SWITCH and number is not None else number


def _shown(value: SettingValue, kind: Kind) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return (
        milliseconds(value) if kind is Kind.MILLISECONDS and isinstance(value, int) else f"{value}"
    )


def milliseconds(time: int) -> str:
    """A time in milliseconds, in a readable unit.

    >>> milliseconds(900_000)
    '15 min'
    """
    for unit, length, most in (("s", 1000, 120), ("min", 60_000, 120), ("h", 3_600_000, 48)):
        if time < length * most:
            return f"{time / length:.3g} {unit}"
    return f"{time / 86_400_000:.3g} days"


_MEMORY = rf"{paths.SESSION_MANAGER}\Memory Management"
_CLOCK = rf"{paths.CONTROL}\TimeZoneInformation"
_SETUP = r"HKLM\SYSTEM\Setup"
_STATE = rf"{paths.CURRENT_VERSION}\Setup\State"
_UPDATE_POLICY = rf"{paths.POLICIES}\Windows\WindowsUpdate\AU"
_TRACKER_COPIES = rf"{paths.CURRENT_VERSION}\Reliability"
_VERSION = paths.NT_CURRENT_VERSION

_OF_WINDOWS = (
    # Windows 11 still has Windows 10 in ProductName; the build number decides.
    *(
        OneValue(id, Group.WINDOWS, name, _VERSION, Kind.TEXT)
        for id, name in (
            ("product-name", "ProductName"),
            ("edition", "EditionID"),
            ("installation-type", "InstallationType"),
            ("display-version", "DisplayVersion"),
            ("release-id", "ReleaseId"),
            ("build", "CurrentBuildNumber"),
        )
    ),
    OneValue("update-revision", Group.WINDOWS, "UBR", _VERSION, Kind.NUMBER),
    OneValue("product-type", Group.WINDOWS, "ProductType", paths.PRODUCT_OPTIONS, Kind.TEXT),
    # learn: Windows Setup States.
    OneValue("image-state", Group.WINDOWS, "ImageState", _STATE, Kind.TEXT),
    OneValue("setup-in-progress", Group.WINDOWS, "SystemSetupInProgress", _SETUP, Kind.SWITCH),
    # Found in real hives and public scripts.
    OneValue(
        "oobe-in-progress", Group.WINDOWS, "OOBEInProgress", _SETUP, Kind.SWITCH, confirmed=False
    ),
    OneValue(
        "clock-is-utc",
        Group.WINDOWS,
        "RealTimeIsUniversal",
        _CLOCK,
        Kind.SWITCH,
        default=False,
        note="off: the hardware clock is in local time, as with QEMU's -rtc base=localtime",
    ),
)

_COPY = "a copy outside of the policies, as set by image builders"

_OF_SHUTDOWN = (
    OneValue(
        "power-left-on",
        Group.BUTTON,
        "DontPowerOffAfterShutdown",
        paths.NT_POLICY,
        Kind.SWITCH,
        default=False,
        note="on: Windows shuts down and leaves the power on",
    ),
    OneValue(
        "warning-dialog-timeout",
        Group.LOGON,
        "ShutdownWarningDialogTimeout",
        rf"{_VERSION}\Windows",
        Kind.NUMBER,
        confirmed=False,
        note="how long the warning about other users who are logged on waits; unit UNCONFIRMED",
    ),
    OneValue(
        "session-timeout",
        Group.LOGON,
        "ShutdownSessionTimeout",
        paths.SYSTEM_POLICIES,
        Kind.NUMBER,
        note="minutes for which hung sessions can delay a shutdown; default: 3 on clients, 15 on "
        "servers",
    ),
    OneValue(
        "tracker-policy-on",
        Group.TRACKER,
        "ShutdownReasonOn",
        paths.TRACKER_POLICY,
        Kind.SWITCH,
    ),
    OneValue(
        "tracker-policy-ui",
        Group.TRACKER,
        "ShutdownReasonUI",
        paths.TRACKER_POLICY,
        Kind.NUMBER,
        confirmed=False,
        note="1: always, 0: never; 2 and 3: only clients or servers (UNCONFIRMED)",
    ),
    OneValue(
        "tracker-copy-on",
        Group.TRACKER,
        "ShutdownReasonOn, copy",
        _TRACKER_COPIES,
        Kind.NUMBER,
        confirmed=False,
        value_name="ShutdownReasonOn",
        note=_COPY,
    ),
    OneValue(
        "tracker-copy-ui",
        Group.TRACKER,
        "ShutdownReasonUI, copy",
        _TRACKER_COPIES,
        Kind.NUMBER,
        confirmed=False,
        value_name="ShutdownReasonUI",
        note=_COPY,
    ),
    OneValue(
        "allow-blocking-apps",
        Group.APPLICATIONS,
        "AllowBlockingAppsAtShutdown",
        paths.WINDOWS_POLICY,
        Kind.SWITCH,
        default=False,
        note="on: programs without a visible window can also block a shutdown",
    ),
    OneValue(
        "wait-to-kill-service",
        Group.SERVICES,
        "WaitToKillServiceTimeout",
        paths.CONTROL,
        Kind.MILLISECONDS,
        default=DEFAULT_WAIT_TO_KILL_SERVICE_MS,
    ),
    OneValue(
        "clear-page-file",
        Group.SERVICES,
        "ClearPageFileAtShutdown",
        _MEMORY,
        Kind.SWITCH,
        default=False,
        note="on: the power-off takes longer, but completes",
    ),
    OneValue(
        "no-auto-update",
        Group.UPDATES,
        "NoAutoUpdate",
        _UPDATE_POLICY,
        Kind.SWITCH,
        default=False,
        note="on: Windows does not look for updates automatically",
    ),
)

ONE_VALUES = (*_OF_WINDOWS, *_OF_SHUTDOWN)
"""All these settings."""

ONE_VALUE_KEYS = tuple(
    KeyRequest(one.key, values=(one.value_name or one.name,)) for one in ONE_VALUES
)
"""Keys to read for them."""
