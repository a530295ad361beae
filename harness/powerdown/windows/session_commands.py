"""Command lines about logon, the console session, its applications and dialogs.

``fact:`` and ``learn`` sources are explained in :mod:`commands`.
"""

from __future__ import annotations

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


def end_program(image_name: str) -> str:
    """End every process of this image name by force (learn: taskkill)."""
    return f"taskkill /f /im {image_name}"
