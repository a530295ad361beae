"""Command lines that put a guest to sleep.

``fact:`` and ``learn`` sources are explained in :mod:`commands`.
"""

from __future__ import annotations

SLEEP = "rundll32.exe powrprof.dll,SetSuspendState 0,1,0"
"""Sleep (S3). It hibernates instead while hibernation is available: rundll32.exe does not pass the
arguments that SetSuspendState takes (learn: SetSuspendState; superuser.com questions 39584, 42124).
"""


def create_system_task(task: str, program: str) -> str:
    """Define a task that runs ``program`` as SYSTEM when told to (learn: schtasks create).

    The start time is in the past on purpose, as in
    :func:`create_desktop_task`.
    """
    return f'schtasks /create /f /ru SYSTEM /sc once /st 00:00 /tn {task} /tr "{program}"'
