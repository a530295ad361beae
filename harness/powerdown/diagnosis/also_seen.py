"""What else would harm a soft shutdown of this guest, though it did not decide this attempt."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.core.outcome import Cause
from powerdown.diagnosis.risks.risks_of_guest import risks
from powerdown.shutdown.observation import QEMU_LINGERS, Command, Observation


def also_seen(obs: Observation, cause: Cause) -> tuple[tuple[Cause, str], ...]:
    """Findings other than the ``cause`` that decided: settings from before, and QEMU's end."""
    return tuple(finding for finding in _findings(obs) if finding[0] is not cause)


def _findings(obs: Observation) -> Iterator[tuple[Cause, str]]:
    yield from _qemu_end(obs)
    for risk in risks(obs):
        yield risk.cause, risk.fact


def _qemu_end(obs: Observation) -> Iterator[tuple[Cause, str]]:
    """What went wrong on the host after the power was off: the disk may be unfinished."""
    off, ended = obs.event("SHUTDOWN"), obs.exit
    if off is None or obs.command is Command.KILL:
        return
    # The exit status of a QEMU that the harness did not start is not known.
    status = None if ended is None else ended.data.get("status", 0)
    if status not in (None, 0):
        yield Cause.HOST_FAULT, f"QEMU ended with status {status} after the power was off"
    elif obs.event(QEMU_LINGERS) is not None:
        yield Cause.HOST_FAULT, "QEMU did not end after the power was off"
    again = next((e for e in obs.events if e.name == "RESET" and e.at > off.at), None)
    if again is not None:
        yield (
            Cause.RESTART_REQUESTED,
            "the host started the guest again after its power-off: is <on_poweroff> of the "
            "domain restart?",
        )
