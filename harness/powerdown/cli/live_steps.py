"""The five steps of a shutdown under way: where it stands, and what is waited for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from powerdown.diagnosis import progress
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import Observation
from powerdown.shutdown.phases import timeline_of
from powerdown.shutdown.timeline import Phase, Step

_MOST_NAMES = 4


class StepState(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    NOW = "now"
    DONE = "done"
    NOT_SEEN = "not seen"


@dataclass(frozen=True)
class StepRow:
    """One step as it is shown.

    :param seconds: how long it took, or lasts by now; ``None`` where that is not known.
    :param told: what showed its end, or what is waited for.
    """

    step: Step
    state: StepState
    seconds: float | None = None
    told: str = ""


def step_rows(seen: Observation, *, over: bool = False) -> tuple[StepRow, ...]:
    """The steps in order.

    :param seen: what was seen up to ``ended_at``.
    :param over: whether nothing is waited for any more.
    """
    seen = _without_a_cut(seen)
    phases = {phase.step: phase for phase in timeline_of(seen).phases}
    rows = [_row(step, phases.get(step), seen, over=over) for step in Step]
    if over or any(row.state is StepState.NOW for row in rows):
        return tuple(rows)
    for number, row in enumerate(rows):
        if row.state is StepState.WAITING:
            rows[number] = StepRow(row.step, StepState.NOW, None, _waits_for(row.step, seen))
            break
    return tuple(rows)


def _without_a_cut(seen: Observation) -> Observation:
    """A power that the host has cut is no step of the guest's."""
    off = seen.event("SHUTDOWN")
    if off is None or off.data.get("guest") is not False:
        return seen
    return replace(seen, events=tuple(event for event in seen.events if event.at < off.at))


def _row(step: Step, phase: Phase | None, seen: Observation, *, over: bool) -> StepRow:
    if phase is not None and phase.duration is not None:
        return StepRow(step, StepState.DONE, phase.duration, phase.evidence[-1])
    if phase is None:
        # Behind it the power may have gone off already.
        passed = over or seen.event("SHUTDOWN") is not None
        return StepRow(step, StepState.NOT_SEEN if passed else StepState.WAITING)
    if over:
        return StepRow(step, StepState.NOT_SEEN, None, "not seen to end")
    lasts = max(0.0, seen.ended_at - phase.start)
    return StepRow(step, StepState.NOW, lasts, _waits_for(step, seen))


def _waits_for(step: Step, seen: Observation) -> str:
    if step is Step.COMMAND:
        return "QEMU to say POWERDOWN"
    if step is Step.ACPI:
        return _acpi(seen)
    if step is Step.APPLICATIONS:
        return _applications(seen)
    return "the power to go off" if step is Step.CORE_SERVICES else "QEMU to end"


def _acpi(seen: Observation) -> str:
    if seen.run_state is RunState.SUSPENDED:
        return "the guest, which sleeps: it can take nothing"
    if seen.pm1_before is not None and not seen.pm1_before.button_armed:
        return "nothing: the button was not armed, QEMU dropped the press"
    latched = bool(seen.pm1_after) and seen.pm1_after[-1].press_pending
    return "the guest to take the press" + ("; it is latched" if latched else "")


def _applications(seen: Observation) -> str:
    if not seen.looks:
        if seen.survey is None:
            return "the end; from outside no more is seen of this"
        return "a first answer from inside"
    look = seen.looks[-1]
    holders = progress.holders(seen, look)
    if holders:
        return f"services at work: {_some([service.name for service in holders])}"
    if not seen.records:
        return "a sign of a shutdown: none is recorded yet"
    names = sorted({program.name for program in progress.programs(seen, look)})
    return f"programs to end: {_some(names)}" if names else "services to stop"


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
