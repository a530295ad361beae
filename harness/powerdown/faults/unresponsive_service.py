"""A service does not stop when the system shuts down.

Sources: fact:preshutdown-phase, fact:service-timeout, fact:preshutdown-endless. At PRESHUTDOWN
Windows waits as long as the service has asked for, at SHUTDOWN for the time of all.

A guest that waits there may have lost its control channel, and programs started that late may fail
(fact:late-programs-fail): so it is forced off, booted again, and only then remedied. The services
that hold for ever start with Windows, so that the remedy is what lets the next press complete.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.faults.fault import (
    COMPLETED,
    BlockedAt,
    Fault,
    Recovery,
    ScenarioId,
    beyond_hard_ms,
    beyond_soft_ms,
)
from powerdown.faults.fault_target import FaultTarget
from powerdown.faults.offline import Edits, Offline
from powerdown.faults.waiting import wait_until
from powerdown.guest.probe_programs import HOLDER, STUBBORN, ProbeProgram
from powerdown.images.image import Image
from powerdown.windows import commands, service_commands, session_commands
from powerdown.windows.settings.service_settings import WAIT_TO_KILL_SERVICE

HELD = Expected(Outcome.STAYED_UP, Cause.UNRESPONSIVE_SERVICE)
DELAYED = Expected(Outcome.SLOW_BUT_COMPLETED, Cause.UNRESPONSIVE_SERVICE)

_STUBBORN = "PowerdownStubborn"
_HOLDER = "PowerdownHolder"
_FOR_EVER_MS = 2_147_483_647
"""What VMTools has set in a real hive (fact:preshutdown-endless)."""

_DEFAULT_PATIENCE = WAIT_TO_KILL_SERVICE.repair()

_fault = partial(Fault, scenario=ScenarioId.UNRESPONSIVE_SERVICE)


def _run(target: FaultTarget, name: str, program: ProbeProgram, arguments: str = "") -> None:
    path = target.upload(program)
    windows = target.windows
    command = f"{path} {arguments}".strip()
    windows.run(service_commands.create_automatic_service(name, command)).checked()
    windows.run(commands.start_service(name)).checked()


def _run_text(name: str, program: ProbeProgram, arguments: str = "") -> tuple[str, ...]:
    path = f"C:\\powerdown\\{program.name} {arguments}".strip()
    return (
        f"upload {program.name}",
        service_commands.create_automatic_service(name, path),
        commands.start_service(name),
    )


def _removal(name: str, program: ProbeProgram) -> tuple[str, ...]:
    return (
        service_commands.delete_service(name),
        session_commands.end_program(program.name),
    )


def _removed(name: str, program: ProbeProgram, *more: str) -> Callable[[FaultTarget], None]:
    def remedy(target: FaultTarget) -> None:
        # It starts with Windows, but not necessarily before the control channel does.
        wait_until(
            lambda: target.windows.is_running(program.name),
            target.machine,
            f"{program.name} running again in the guest",
            f"Look at 'sc.exe query {name}' there.",
        )
        target.windows.run_all((*_removal(name, program), *more))

    return remedy


def _stop_late(target: FaultTarget) -> None:
    _run(target, _STUBBORN, STUBBORN)


def _never_stop(target: FaultTarget) -> None:
    _run(target, _STUBBORN, STUBBORN)
    patience = beyond_hard_ms(target.image)
    target.windows.run_all(WAIT_TO_KILL_SERVICE.set(patience).commands)
    target.restart()


def _patience(image: Image) -> Edits:
    return WAIT_TO_KILL_SERVICE.set(beyond_hard_ms(image)).edits


def _hold_for_ever(target: FaultTarget) -> None:
    _run(target, _HOLDER, HOLDER, f"{_FOR_EVER_MS} {beyond_hard_ms(target.image)}")


def _hold_a_while(target: FaultTarget) -> None:
    arguments = f"{beyond_hard_ms(target.image)} {beyond_soft_ms(target.image)}"
    _run(target, _HOLDER, HOLDER, arguments)


VARIANTS = (
    _fault(
        variant="stops-late",
        summary="a service ignores SHUTDOWN until its time is up: must not be blamed",
        injects=_run_text(_STUBBORN, STUBBORN),
        remedies=(),
        sources=("fact:service-timeout", "fact:service-timeout-default"),
        inject=_stop_late,
        remedy=None,
        expected=(COMPLETED,),
        blocked_at=BlockedAt.NONE,
    ),
    _fault(
        variant="never-stops",
        summary=f"a service ignores SHUTDOWN, and {WAIT_TO_KILL_SERVICE.name} gives it for ever",
        injects=(
            *_run_text(_STUBBORN, STUBBORN),
            f"{WAIT_TO_KILL_SERVICE.set(600_000)}   (ten times the hard budget)",
            commands.RESTART,
        ),
        remedies=(*_removal(_STUBBORN, STUBBORN), *_DEFAULT_PATIENCE.commands),
        sources=("fact:service-timeout", "fact:service-timeout-default"),
        inject=_never_stop,
        remedy=_removed(_STUBBORN, STUBBORN, *_DEFAULT_PATIENCE.commands),
        expected=(HELD,),
        blocked_at=BlockedAt.SERVICES,
        # What lets the next press complete is that the service is gone.
        offline=Offline(_patience, then=_stop_late),
        recovery=Recovery.POWER_CUT,
    ),
    _fault(
        variant="preshutdown-holder",
        summary="a service takes PRESHUTDOWN with a timeout of 24 days and does not end",
        injects=_run_text(_HOLDER, HOLDER, f"{_FOR_EVER_MS} <ten times the hard budget, in ms>"),
        remedies=_removal(_HOLDER, HOLDER),
        sources=("fact:preshutdown-phase", "fact:preshutdown-endless"),
        inject=_hold_for_ever,
        remedy=_removed(_HOLDER, HOLDER),
        expected=(HELD,),
        blocked_at=BlockedAt.PRESHUTDOWN,
        recovery=Recovery.POWER_CUT,
    ),
    _fault(
        variant="preshutdown-within",
        summary="a service works at PRESHUTDOWN longer than the soft budget, within its timeout",
        injects=_run_text(_HOLDER, HOLDER, "<timeout in ms> <soft budget and 4 s, in ms>"),
        remedies=_removal(_HOLDER, HOLDER),
        sources=(
            "fact:preshutdown-phase",
            "fact:preshutdown-default",
        ),
        inject=_hold_a_while,
        remedy=_removed(_HOLDER, HOLDER),
        expected=(DELAYED,),
        blocked_at=BlockedAt.PRESHUTDOWN,
    ),
)
"""All variants, in the order of reports."""
