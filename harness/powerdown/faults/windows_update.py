"""Windows Update work prolongs a shutdown.

Sources: fact:preshutdown-phase, fact:update-markers; Microsoft Learn, "DISM operating system
package servicing", "Service Control Handler Function". The packages come with the image (its
definition's table ``updates``): which package works how long depends on the release.

The remedy for all of them is to install and to restart before an image is published, until no mark
of pending work is left.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from powerdown.core.errors import ControlChannelError, NotOnThisGuest
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault import (
    COMPLETED,
    BlockedAt,
    Fault,
    Recovery,
    ScenarioId,
    set_if_permitted,
)
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Offline, fixed
from powerdown.images.image import Image
from powerdown.windows import commands, update_commands
from powerdown.windows.settings.service_settings import PRESHUTDOWN_TIMEOUT
from powerdown.windows.settings.update_settings import REBOOT_PENDING

SLOW = Expected(Outcome.SLOW_BUT_COMPLETED, Cause.WINDOWS_UPDATE)
OUTLASTED = Expected(Outcome.STAYED_UP, Cause.WINDOWS_UPDATE)
RESTARTED = Expected(Outcome.RESTARTED_INSTEAD, Cause.WINDOWS_UPDATE)

_INSTALL_SECONDS = 1800.0
"""A cumulative update takes a quarter of an hour on a slow guest."""

_TIMEOUT = PRESHUTDOWN_TIMEOUT.of("TrustedInstaller")
_CUT = _TIMEOUT.set(3000)
_UNCUT = _TIMEOUT.set(3_600_000)
"""As on a stock Windows (fact:preshutdown-own-services)."""
_MOST_RESTARTS = 4
_INSTALL_TEXT = update_commands.add_package("<package>")
_REMEDIES = (
    f"{commands.RESTART}   (repeat until the next command finds no key)",
    f'reg query "{REBOOT_PENDING.key}"',
)

_fault = partial(
    Fault,
    scenario=ScenarioId.WINDOWS_UPDATE,
    remedies=_REMEDIES,
    sources=(
        "fact:package-install",
        "learn: DISM operating system package servicing command-line options",
        "learn: Service Control Handler Function (PRESHUTDOWN)",
    ),
    blocked_at=BlockedAt.PRESHUTDOWN,
)


def install(target: FaultTarget, package: str) -> None:
    """Install a package whose work is done at shutdown.

    :param package: its path in the guest.
    """
    command = update_commands.add_package(package)
    result = target.windows.run(command, _INSTALL_SECONDS)
    if result.exit_code != update_commands.RESTART_REQUIRED:
        result.checked()
    if not _pending(target):
        raise NotOnThisGuest(
            f"leave work of {package} for the guest's shutdown",
            "it was installed and nothing is pending",
            "Name a package in the image definition's [updates] that needs a restart.",
        )


def restart_until_done(target: FaultTarget) -> None:
    """Restart the guest until nothing is pending.

    :raise ControlChannelError: something still is after several restarts.
    """
    for _ in range(_MOST_RESTARTS):
        if not _pending(target):
            return
        target.restart()
    if _pending(target):
        raise ControlChannelError(
            "complete the guest's updates",
            f"after {_MOST_RESTARTS} restarts these marks are left: {', '.join(_pending(target))}",
            r"See C:\Windows\Logs\CBS\CBS.log in the guest.",
        )


def _pending(target: FaultTarget) -> tuple[str, ...]:
    """Marks of servicing; files to be renamed at the next start are none of an update."""
    markers = target.windows.baseline().update_markers
    return tuple(marker for marker in markers if marker.startswith("Reboot"))


def _needs(kind: str) -> Callable[[Image], str | None]:
    def missing(image: Image) -> str | None:
        if getattr(image.updates, kind) is not None:
            return None
        return f"needs a package: image {image.name} defines no [updates] {kind}"

    return missing


def _installed(kind: str) -> Callable[[FaultTarget], None]:
    def inject(target: FaultTarget) -> None:
        install(target, _path(target, kind))

    return inject


def _path(target: FaultTarget, kind: str) -> str:
    path = getattr(target.image.updates, kind)
    if not isinstance(path, str):
        raise NotOnThisGuest(
            f"install the image's {kind}", "it defines none", "Name one in [updates]."
        )
    return path


def _install_and_cut(target: FaultTarget) -> None:
    set_if_permitted(target, *_CUT.commands)
    target.restart()
    install(target, _path(target, "package"))


def _mark(target: FaultTarget) -> None:
    set_if_permitted(target, *REBOOT_PENDING.set().commands)


VARIANTS = (
    _fault(
        variant="finishes",
        summary="work of a package at shutdown, longer than the soft budget",
        injects=(_INSTALL_TEXT,),
        inject=_installed("package"),
        remedy=restart_until_done,
        expected=(SLOW,),
        missing=_needs("package"),
    ),
    _fault(
        variant="outlives",
        summary="work of a package at shutdown, longer than the hard budget",
        injects=(update_commands.add_package("<long package>"),),
        inject=_installed("long_package"),
        remedy=restart_until_done,
        expected=(OUTLASTED,),
        recovery=Recovery.FINISH,
        missing=_needs("long_package"),
    ),
    _fault(
        variant="timeout-cut",
        summary="the same work, cut short by the service manager: must not be blamed",
        injects=(
            *_CUT.commands,
            commands.RESTART,
            _INSTALL_TEXT,
        ),
        inject=_install_and_cut,
        remedy=None,
        remedies=(*_UNCUT.commands, *_REMEDIES),
        # A release may take long to give up and to end what is left (fact:interrupted-servicing).
        expected=(COMPLETED, SLOW),
        blocked_at=BlockedAt.NONE,
        missing=_needs("package"),
        offline=Offline(fixed(_CUT), then=_installed("package")),
    ),
    _fault(
        variant="restarts-instead",
        summary="work of a package ends in a restart instead of a power-off",
        injects=(update_commands.add_package("<restarting package>"),),
        inject=_installed("restarting_package"),
        remedy=restart_until_done,
        expected=(RESTARTED,),
        blocked_at=BlockedAt.POWER_OFF,
        missing=_needs("restarting_package"),
    ),
    _fault(
        variant="markers-only",
        summary="a marker says that a restart is pending, without any work: must not be blamed",
        injects=REBOOT_PENDING.set().commands,
        inject=_mark,
        offline=Offline(fixed(REBOOT_PENDING.set())),
        remedy=None,
        remedies=REBOOT_PENDING.clear().commands,
        expected=(COMPLETED,),
        blocked_at=BlockedAt.NONE,
    ),
)
"""All variants, in the order of reports."""
