"""Command lines about services.

``fact:`` and ``learn`` sources are explained in :mod:`commands`.
"""

from __future__ import annotations


def create_automatic_service(name: str, program: str) -> str:
    """Create a service that starts with Windows (learn: sc.exe create; blanks after ``=``)."""
    return f'sc.exe create {name} binPath= "{program}" start= auto'


def stop_service(name: str) -> str:
    """Ask a service to stop (learn: sc.exe stop)."""
    return f"sc.exe stop {name}"


def delete_service(name: str) -> str:
    """Remove a service; one that runs goes when it ends (learn: sc.exe delete)."""
    return f"sc.exe delete {name}"
