"""Command lines about logon, the console session, its applications and dialogs.

``fact:`` and ``learn`` sources are explained in :mod:`commands`.
"""

from __future__ import annotations

from powerdown.windows import registry_paths as paths

SYSTEM_POLICY_KEY = paths.SYSTEM_POLICIES
"""Holds ShutdownWithoutLogon (fact:no-logon-policy)."""

EVENT_TRACKER_KEY = paths.TRACKER_POLICY
"""Policy "Display Shutdown Event Tracker" (fact:tracker-policy)."""

SHUTDOWN_POLICY_KEY = paths.WINDOWS_POLICY
"""Holds AllowBlockingAppsAtShutdown (fact:hidden-programs)."""

DESKTOP_KEY = r"HKCU\Control Panel\Desktop"
"""The control channel's user's own; it is the console user's because both are the same account
(see :class:`Credentials`), and an account has one hive (fact:one-profile-hive)."""

LOCK = "rundll32.exe user32.dll,LockWorkStation"
"""Lock the session it runs in; works only on an interactive desktop (learn: LockWorkStation).

Its start through rundll32.exe is common practice, not documented.
"""


def log_off(session: int) -> str:
    """Log a session off (learn: logoff; for Home editions fact:logoff-home). The console then
    shows the logon screen.

    Automatic logon does not happen again before the next start, unless ForceAutoLogon is set
    (sup: turn-on-automatic-logon).
    """
    return f"logoff {session}"


def set_shutdown_without_logon(*, allowed: bool) -> str:
    """Set the policy "Shutdown: Allow system to be shut down without having to log on".

    Takes effect without a restart (fact:no-logon-policy).
    """
    return (
        f'reg add "{SYSTEM_POLICY_KEY}" /v ShutdownWithoutLogon /t REG_DWORD /d {int(allowed)} /f'
    )


def set_event_tracker(*, on: bool) -> tuple[str, ...]:
    """Set the policy on or off; both values belong to it (fact:tracker-policy). Effect at the next
    dialog."""
    return tuple(
        f'reg add "{EVENT_TRACKER_KEY}" /v {value} /t REG_DWORD /d {int(on)} /f'
        for value in ("ShutdownReasonOn", "ShutdownReasonUI")
    )


ALLOW_BLOCKING_APPS = (
    f'reg add "{SHUTDOWN_POLICY_KEY}" /v AllowBlockingAppsAtShutdown /t REG_DWORD /d 1 /f'
)
"""Let console programs and programs without visible window block a shutdown (fact:hidden-programs).

If it does not count at once (fact:blocking-policy-effect), a restart before the attempt helps.
"""

END_BLOCKING_APPS = (
    f'reg add "{SHUTDOWN_POLICY_KEY}" /v AllowBlockingAppsAtShutdown /t REG_DWORD /d 0 /f'
)
"""End such programs, as without the policy."""


def set_desktop_value(name: str, value: str, sid: str | None = None) -> str:
    """Set AutoEndTasks ("1"), HungAppTimeout or WaitToKillAppTimeout (ms as text) of the user.

    In effect at the user's next logon (fact:desktop-values-effect).

    :param sid: of another user than the control channel's; must be logged on.
    """
    key = DESKTOP_KEY if sid is None else DESKTOP_KEY.replace("HKCU", rf"HKU\{sid}", 1)
    return f'reg add "{key}" /v {name} /t REG_SZ /d {value} /f'


def end_program(image_name: str) -> str:
    """End every process of this image name by force (learn: taskkill)."""
    return f"taskkill /f /im {image_name}"
