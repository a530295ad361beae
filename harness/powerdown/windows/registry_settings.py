"""Settings as changes to the registry of a guest that is off; they count from its next start.

The command lines that set the same online, with their sources, are in the modules of this package
named ``*_commands``; their ``fact:`` and ``learn`` sources apply here too. Where more than the
value may be needed a fact is cited: ``powercfg`` tells the kernel's power manager too,
which at the next start reads the same places (fact:button-action-store).
"""

from __future__ import annotations

from powerdown.windows import registry_paths as paths
from powerdown.windows.commands import (
    PBUTTONACTION,
    POWER_BUTTON_POLICY_KEY,
    SUB_BUTTONS,
    ButtonAction,
    PowerSource,
)
from powerdown.windows.power_commands import SUB_VIDEO, VIDEOIDLE
from powerdown.windows.registry_edit import (
    ACTIVE_SCHEME,
    RegistryEdit,
    create_key,
    delete_key,
    delete_value,
    set_dword,
    set_text,
)
from powerdown.windows.session_commands import DESKTOP_KEY

_BUTTON = rf"{SUB_BUTTONS}\{PBUTTONACTION}"
_BUTTON_OF_SCHEME = rf"{paths.POWER_SCHEMES}\{ACTIVE_SCHEME}\{_BUTTON}"
_BUTTON_DEFAULT = rf"{paths.POWER_DEFAULTS}\{_BUTTON}\DefaultPowerSchemeValues\{ACTIVE_SCHEME}"
_WINLOGON = rf"{paths.NT_CURRENT_VERSION}\Winlogon"

Edits = tuple[RegistryEdit, ...]


def power_button(ac: ButtonAction, dc: ButtonAction | None = None) -> Edits:
    """The active scheme's power button action (fact:button-action-store).

    :param dc: on battery; as on AC if not given.
    """
    return _scheme_setting(_BUTTON, ac, ac if dc is None else dc)


def default_power_button(action: ButtonAction) -> Edits:
    """No value in the active scheme, and this as the default that is read through
    (fact:button-default-read-through)."""
    return (
        delete_key(_BUTTON_OF_SCHEME),
        *(set_dword(_BUTTON_DEFAULT, _index(source.capitalize()), action) for source in _SOURCES),
    )


def power_button_policy(action: ButtonAction) -> Edits:
    """The policy that overrides every scheme (fact:button-policy)."""
    return tuple(set_dword(POWER_BUTTON_POLICY_KEY, _index(source), action) for source in _SOURCES)


NO_POWER_BUTTON_POLICY: Edits = (delete_key(POWER_BUTTON_POLICY_KEY),)
"""Without that policy."""


def display_timeout(seconds: int) -> Edits:
    """Turn the display off after so many seconds without input; 0 for never (learn: Display idle
    timeout; the store is the other settings', fact:button-action-store)."""
    return _scheme_setting(rf"{SUB_VIDEO}\{VIDEOIDLE}", seconds, seconds)


def hibernation(*, on: bool) -> Edits:
    """Make hibernation available, or not.

    Windows is to make ``hiberfil.sys`` at the next start where it is missing, as ``powercfg
    /hibernate on`` does at once (fact:hibernation-file-made).
    """
    return (set_dword(paths.POWER, "HibernateEnabled", int(on)),)


def fast_startup(*, on: bool) -> Edits:
    """Shut down by hibernating the kernel; needs hibernation (fact:fast-startup-value)."""
    return (set_dword(paths.FAST_STARTUP, "HiberbootEnabled", int(on)),)


def shutdown_without_logon(*, allowed: bool) -> Edits:
    """Whether the system may be shut down while nobody is logged on (fact:no-logon-policy)."""
    return (set_dword(paths.SYSTEM_POLICIES, "ShutdownWithoutLogon", int(allowed)),)


NOBODY_LOGS_ON: Edits = (
    set_text(_WINLOGON, "AutoAdminLogon", "0"),
    delete_value(_WINLOGON, "ForceAutoLogon"),
)
"""No automatic logon: the guest starts to its logon screen (fact:autologon).
"""


def event_tracker(*, on: bool) -> Edits:
    """The Shutdown Event Tracker by policy; both values belong to it (fact:tracker-policy)."""
    names = ("ShutdownReasonOn", "ShutdownReasonUI")
    return tuple(set_dword(paths.TRACKER_POLICY, name, int(on)) for name in names)


def blocking_apps(*, allowed: bool) -> Edits:
    """Whether programs without visible window may block a shutdown (fact:hidden-programs)."""
    return (set_dword(paths.WINDOWS_POLICY, "AllowBlockingAppsAtShutdown", int(allowed)),)


def desktop_value(name: str, value: str) -> Edits:
    """AutoEndTasks, HungAppTimeout or WaitToKillAppTimeout of the user who is logged on by itself
    (fact:desktop-values)."""
    return (set_text(DESKTOP_KEY, name, value),)


def wait_to_kill_service(milliseconds: int) -> Edits:
    """How long services may take at SHUTDOWN (fact:service-timeout)."""
    return (set_text(paths.CONTROL, "WaitToKillServiceTimeout", str(milliseconds)),)


def preshutdown_timeout(service: str, milliseconds: int) -> Edits:
    """How long a service may take at PRESHUTDOWN (fact:preshutdown-value)."""
    return (set_dword(rf"{paths.SERVICES}\{service}", "PreshutdownTimeout", milliseconds),)


def crash_on_ctrl_scroll(*, on: bool) -> Edits:
    """Stop at the crash keys (learn: Forcing a system crash from the keyboard)."""
    return tuple(
        set_dword(rf"{paths.SERVICES}\{driver}\Parameters", "CrashOnCtrlScroll", int(on))
        for driver in ("i8042prt", "kbdhid")
    )


REBOOT_IS_PENDING: Edits = (create_key(paths.REBOOT_PENDING),)
"""The mark without any package (fact:update-markers)."""

_SOURCES = tuple(source.name for source in PowerSource)


def _scheme_setting(setting: str, ac: int, dc: int) -> Edits:
    key = rf"{paths.POWER_SCHEMES}\{ACTIVE_SCHEME}\{setting}"
    values = zip(_SOURCES, (ac, dc), strict=True)
    return tuple(set_dword(key, _index(source), index) for source, index in values)


def _index(source: str) -> str:
    return f"{source}SettingIndex"
