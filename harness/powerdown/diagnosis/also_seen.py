"""What else would harm a soft shutdown of this guest, though it did not decide this attempt."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.core.outcome import Cause
from powerdown.diagnosis.risks.risks_of_guest import threats
from powerdown.shutdown.observation import QEMU_LINGERS, Command, Observation


def also_seen(seen: Observation, cause: Cause) -> tuple[tuple[Cause, str], ...]:
    """Findings other than the ``cause`` that decided: settings from before, and QEMU's end."""
    return tuple(finding for finding in _findings(seen) if finding[0] is not cause)


def _findings(seen: Observation) -> Iterator[tuple[Cause, str]]:
    yield from _qemu_end(seen)
    for threat in threats(seen):
        yield threat.cause, threat.fact


def _qemu_end(seen: Observation) -> Iterator[tuple[Cause, str]]:
    """What went wrong on the host after the power was off: the disk may be unfinished."""
    off, ended = seen.event("SHUTDOWN"), seen.exit
    if off is None or seen.command is Command.KILL:
        return
    # Of a QEMU that somebody else has started, nobody else knows the status.
    status = None if ended is None else ended.data.get("status", 0)
    if status not in (None, 0):
        yield Cause.HOST_FAULT, f"QEMU ended with status {status} after the power was off"
    elif seen.event(QEMU_LINGERS) is not None:
        yield Cause.HOST_FAULT, "QEMU did not end after the power was off"
    again = next((e for e in seen.events if e.name == "RESET" and e.at > off.at), None)
    if again is not None:
        yield (
            Cause.RESTART_REQUESTED,
            "the host started the guest again behind its power-off: is <on_poweroff> of the "
            "domain restart?",
        )
