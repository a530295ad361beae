"""Command lines about power settings beyond the button's, and about sleep.

``fact:`` and ``learn`` sources are explained in :mod:`commands`.
"""

from __future__ import annotations

from powerdown.windows import registry_paths as paths
from powerdown.windows.commands import PBUTTONACTION, SUB_BUTTONS, ButtonAction, PowerSource

SUB_VIDEO = "7516b95f-f776-4464-8c53-06167f40cc99"
"""Display sub-group (fact:display-settings)."""

VIDEOIDLE = "3c0bc021-c8a8-4e07-a973-6b14cbcb2b7e"
"""Turn off display after: seconds, 0 for never (learn: Display idle timeout)."""

QUERY_ACTIVE_SCHEME = f'reg query "{paths.POWER_SCHEMES}" /v ActivePowerScheme'
"""Prints the active scheme's GUID (fact:active-scheme)."""


def set_power_button_apart(ac: ButtonAction, dc: ButtonAction) -> tuple[str, ...]:
    """Set the active scheme's power button action for AC and for DC differently
    (fact:powercfg-set)."""
    setting = f"SCHEME_CURRENT {SUB_BUTTONS} {PBUTTONACTION}"
    return (
        f"powercfg /setacvalueindex {setting} {int(ac)}",
        f"powercfg /setdcvalueindex {setting} {int(dc)}",
        "powercfg /setactive SCHEME_CURRENT",
    )


def clear_scheme_power_button(scheme: str) -> str:
    """Remove the scheme's own value, so that the default is read through
    (fact:button-default-read-through).

    Exit code 1 when there is none, as in most images. An administrator may be refused
    (fact:scheme-value-delete).
    """
    return rf'reg delete "{paths.POWER_SCHEMES}\{scheme}\{SUB_BUTTONS}\{PBUTTONACTION}" /f'


def set_default_power_button(scheme: str, action: ButtonAction) -> tuple[str, ...]:
    """Set the scheme's default for the power button action (fact:button-default-read-through).

    In effect after a restart. An administrator may be refused (fact:default-value-write).
    """
    key = (
        rf"{paths.POWER_DEFAULTS}\{SUB_BUTTONS}\{PBUTTONACTION}"
        rf"\DefaultPowerSchemeValues\{scheme}"
    )
    return tuple(
        f'reg add "{key}" /v {source.name.capitalize()}SettingIndex '
        f"/t REG_DWORD /d {int(action)} /f"
        for source in PowerSource
    )


HIBERNATION_ON = "powercfg /hibernate on"
"""Make hibernation available (learn: powercfg). Fails where the firmware has no S4."""

HIBERNATION_OFF = "powercfg /hibernate off"
"""Remove it, and fast startup with it (fact:hibernate-switch)."""

FAST_STARTUP_ON = f'reg add "{paths.FAST_STARTUP}" /v HiberbootEnabled /t REG_DWORD /d 1 /f'
"""Shut down by hibernating the kernel; needs hibernation (fact:fast-startup-value)."""

FAST_STARTUP_OFF = f'reg add "{paths.FAST_STARTUP}" /v HiberbootEnabled /t REG_DWORD /d 0 /f'
"""Shut down in full."""

SLEEP = "rundll32.exe powrprof.dll,SetSuspendState 0,1,0"
"""Sleep (S3). It hibernates instead while hibernation is available: rundll32.exe does not pass the
arguments that SetSuspendState takes (learn: SetSuspendState; superuser.com questions 39584, 42124).
"""


def set_display_timeout(seconds: int) -> tuple[str, ...]:
    """Turn the display off after this many seconds without input; 0 for never (learn: powercfg)."""
    setting = f"SCHEME_CURRENT {SUB_VIDEO} {VIDEOIDLE} {seconds}"
    return (
        f"powercfg /setacvalueindex {setting}",
        f"powercfg /setdcvalueindex {setting}",
        "powercfg /setactive SCHEME_CURRENT",
    )


def create_system_task(task: str, program: str) -> str:
    """Define a task that runs ``program`` as SYSTEM when told to (learn: schtasks create).

    The start time is in the past on purpose, as in
    :func:`create_desktop_task`.
    """
    return f'schtasks /create /f /ru SYSTEM /sc once /st 00:00 /tn {task} /tr "{program}"'
