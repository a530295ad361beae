"""Command lines about packages and their pending work.

``fact:`` and ``learn`` sources are explained in :mod:`commands`.
"""

from __future__ import annotations

RESTART_REQUIRED = 3010
"""Exit code ERROR_SUCCESS_REBOOT_REQUIRED: done, and a restart completes it (learn: system error
codes)."""


def add_package(path: str) -> str:
    """Install a package into the running system, without restarting (learn: DISM operating system
    package servicing). Exit code 0, or :data:`RESTART_REQUIRED`.

    :param path: of a .cab, without blanks; whether every release takes an .msu is
        fact:dism-msu.
    """
    return f"dism /online /add-package /packagepath:{path} /quiet /norestart"
