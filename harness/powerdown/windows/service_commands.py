"""Command lines about services and how long a shutdown waits for them.

``fact:`` and ``learn`` sources are explained in :mod:`commands`.
"""

from __future__ import annotations

from powerdown.windows import registry_paths as paths

DEFAULT_WAIT_TO_KILL_SERVICE_MS = 5000
"""What Windows 8 and later set up, and take where the value is absent
(fact:service-timeout-default)."""

SERVICES_DOCUMENTED_MS = 20_000
"""What the documentation says services get in the shutdown phase, roughly
(fact:service-timeout-documented)."""


def create_automatic_service(name: str, program: str) -> str:
    """Create a service that starts with Windows (learn: sc.exe create; blanks after ``=``)."""
    return f'sc.exe create {name} binPath= "{program}" start= auto'


def stop_service(name: str) -> str:
    """Ask a service to stop (learn: sc.exe stop)."""
    return f"sc.exe stop {name}"


def delete_service(name: str) -> str:
    """Remove a service; one that runs goes when it ends (learn: sc.exe delete)."""
    return f"sc.exe delete {name}"


def set_wait_to_kill_service(milliseconds: int) -> str:
    """Set how long services may take at SHUTDOWN (fact:service-timeout). In effect after a restart
    (fact:service-timeout-effect).
    """
    return f'reg add "{paths.CONTROL}" /v WaitToKillServiceTimeout /t REG_SZ /d {milliseconds} /f'


def set_preshutdown_timeout(service: str, milliseconds: int) -> str:
    """Set how long a service may take at PRESHUTDOWN (fact:preshutdown-value).

    sc.exe has no verb for it. In effect after a restart (fact:preshutdown-value-effect);
    protected services' keys refuse administrators (fact:protected-service-keys).
    """
    return (
        rf'reg add "{paths.SERVICES}\{service}" /v PreshutdownTimeout '
        f"/t REG_DWORD /d {milliseconds} /f"
    )
