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


def step_rows(obs: Observation, *, over: bool = False) -> tuple[StepRow, ...]:
    """The steps in order.

    :param obs: what was seen up to ``ended_at``.
    :param over: whether nothing is waited for any more.
    """
    obs = _without_a_cut(obs)
    phases = {phase.step: phase for phase in timeline_of(obs).phases}
    rows = [_row(step, phases.get(step), obs, over=over) for step in Step]
    if over or any(row.state is StepState.NOW for row in rows):
        return tuple(rows)
    for number, row in enumerate(rows):
        if row.state is StepState.WAITING:
            rows[number] = StepRow(row.step, StepState.NOW, None, _waits_for(row.step, obs))
            break
    return tuple(rows)


def _without_a_cut(obs: Observation) -> Observation:
    """A power that the host has cut is no step of the guest's."""
    off = obs.event("SHUTDOWN")
    if off is None or off.data.get("guest") is not False:
        return obs
    return replace(obs, events=tuple(event for event in obs.events if event.at < off.at))


def _row(step: Step, phase: Phase | None, obs: Observation, *, over: bool) -> StepRow:
    if phase is not None and phase.duration is not None:
        return StepRow(step, StepState.DONE, phase.duration, phase.evidence[-1])
    if phase is None:
        # Behind it the power may have gone off already.
        passed = over or obs.event("SHUTDOWN") is not None
        return StepRow(step, StepState.NOT_SEEN if passed else StepState.WAITING)
    if over:
        return StepRow(step, StepState.NOT_SEEN, None, "not seen to end")
    is_final = max(0.0, obs.ended_at - phase.start)
    return StepRow(step, StepState.NOW, is_final, _waits_for(step, obs))


def _waits_for(step: Step, obs: Observation) -> str:
    if step is Step.COMMAND:
        return "QEMU to say POWERDOWN"
    if step is Step.ACPI:
        return _acpi(obs)
    if step is Step.APPLICATIONS:
        return _applications(obs)
    return "the power to go off" if step is Step.CORE_SERVICES else "QEMU to end"


def _acpi(obs: Observation) -> str:
    if obs.run_state is RunState.SUSPENDED:
        return "the guest, which sleeps: it can take nothing"
    if obs.pm1_before is not None and not obs.pm1_before.button_armed:
        return "nothing: the button was not armed, QEMU dropped the press"
    latched = bool(obs.pm1_after) and obs.pm1_after[-1].press_pending
    return "the guest to take the press" + ("; it is latched" if latched else "")


def _applications(obs: Observation) -> str:
    if not obs.samples:
        if obs.baseline is None:
            return "the end; from outside no more is seen of this"
        return "a first answer from inside"
    sample = obs.samples[-1]
    holders = progress.holders(obs, sample)
    if holders:
        return f"services at work: {_some([service.name for service in holders])}"
    if not obs.records:
        return "a sign of a shutdown: none is recorded yet"
    names = sorted({program.name for program in progress.programs(obs, sample)})
    return f"programs to end: {_some(names)}" if names else "services to stop"


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
