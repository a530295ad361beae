"""What else would harm a soft shutdown of this guest, though it did not decide this attempt."""

from __future__ import annotations

from collections.abc import Iterator

from harness.diagnosis import progress
from harness.diagnosis.waiting import SERVICES_DOCUMENTED_MS
from harness.guest.commands import ButtonAction
from harness.outcome import Cause
from harness.shutdown.observation import QEMU_LINGERS, Command, Observation

_SANE_PRESHUTDOWN_MS = 3_600_000
"""The longest Windows gives its own services, wuauserv of 2008 R2 apart (facts 14)."""


def also_seen(seen: Observation, cause: Cause) -> tuple[tuple[Cause, str], ...]:
    """Findings other than the ``cause`` that decided: settings from before, and QEMU's end."""
    return tuple(finding for finding in _findings(seen) if finding[0] is not cause)


def _findings(seen: Observation) -> Iterator[tuple[Cause, str]]:
    yield from _qemu_end(seen)
    survey = seen.survey
    if survey is None:
        return
    if seen.button is not None:
        yield from _button(seen.button.effective())
    nobody = survey.console is not None and survey.console.user is None
    if nobody and survey.shutdown_without_logon is False:
        yield Cause.NO_LOGON_SHUTDOWN, "nobody was logged on and ShutdownWithoutLogon is 0"
    if survey.fast_startup:
        yield Cause.ASLEEP, "fast startup is on"
    if seen.screens and seen.screens[0].dark:
        yield Cause.ASLEEP, "the display was dark before"
    pending = progress.pending_updates(seen)
    if pending:
        yield Cause.WINDOWS_UPDATE, f"update work is pending: {', '.join(pending)}"
    for name, timeout in progress.timeouts_beyond(seen, _SANE_PRESHUTDOWN_MS).items():
        if not progress.is_update_service(name):
            yield (
                Cause.UNRESPONSIVE_SERVICE,
                f"service {name} may hold a shutdown for {timeout} ms (PreshutdownTimeout)",
            )
    limit = survey.wait_to_kill_service_ms
    if limit is not None and limit > SERVICES_DOCUMENTED_MS:
        yield Cause.UNRESPONSIVE_SERVICE, f"services get {limit} ms (WaitToKillServiceTimeout)"


def _qemu_end(seen: Observation) -> Iterator[tuple[Cause, str]]:
    """What went wrong on the host after the power was off: the disk may be unfinished."""
    off, ended = seen.event("SHUTDOWN"), seen.exit
    if off is None or seen.command is Command.KILL:
        return
    status = None if ended is None else ended.data.get("status", 0)
    if status not in (None, 0):
        yield Cause.HOST_FAULT, f"QEMU ended with status {status} after the power was off"
    elif seen.event(QEMU_LINGERS) is not None:
        yield Cause.HOST_FAULT, "QEMU did not end after the power was off"


def _button(action: ButtonAction | None) -> Iterator[tuple[Cause, str]]:
    if action in (ButtonAction.NOTHING, ButtonAction.DISPLAY_OFF):
        yield Cause.POWER_BUTTON_IGNORED, f"the power button is set to {action.name.lower()}"
    elif action in (ButtonAction.SLEEP, ButtonAction.HIBERNATE):
        yield Cause.ASLEEP, f"the power button is set to {action.name.lower()}"
