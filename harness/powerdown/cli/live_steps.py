"""The five steps of a shutdown in progress: how far it got, and what it is waiting for."""

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
    """Progress of a step."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    NOT_SEEN = "not seen"


@dataclass(frozen=True)
class StepRow:
    """One step as displayed.

    :param seconds: how long it took, or has taken so far; ``None`` where that is unknown.
    :param detail: what showed its end, or what it is waiting for.
    """

    step: Step
    state: StepState
    seconds: float | None = None
    detail: str = ""


def step_rows(obs: Observation, *, over: bool = False) -> tuple[StepRow, ...]:
    """The steps in order.

    :param obs: what was observed up to ``ended_at``.
    :param over: whether waiting has ended.
    """
    obs = _without_a_cut(obs)
    phases = {phase.step: phase for phase in timeline_of(obs).phases}
    rows = [_row(step, phases.get(step), obs, over=over) for step in Step]
    if over or any(row.state is StepState.RUNNING for row in rows):
        return tuple(rows)
    for number, row in enumerate(rows):
        if row.state is StepState.PENDING:
            rows[number] = StepRow(row.step, StepState.RUNNING, None, _waiting_for(row.step, obs))
            break
    return tuple(rows)


def _without_a_cut(obs: Observation) -> Observation:
    """``obs`` up to the moment at which the host cut the power, which is no step of the guest's."""
    off = obs.event("SHUTDOWN")
    if off is None or off.data.get("guest") is not False:
        return obs
    return replace(obs, events=tuple(event for event in obs.events if event.at < off.at))


def _row(step: Step, phase: Phase | None, obs: Observation, *, over: bool) -> StepRow:
    if phase is not None and phase.duration is not None:
        return StepRow(step, StepState.DONE, phase.duration, phase.evidence[-1])
    if phase is None:
        # The power may have gone off without this step having been seen.
        passed = over or obs.event("SHUTDOWN") is not None
        return StepRow(step, StepState.NOT_SEEN if passed else StepState.PENDING)
    if over:
        return StepRow(step, StepState.NOT_SEEN, None, "not seen to end")
    seconds = max(0.0, obs.ended_at - phase.start)
    return StepRow(step, StepState.RUNNING, seconds, _waiting_for(step, obs))


def _waiting_for(step: Step, obs: Observation) -> str:
    if step is Step.COMMAND:
        return "waiting for QEMU's POWERDOWN event"
    if step is Step.ACPI:
        return _acpi(obs)
    if step is Step.APPLICATIONS:
        return _applications(obs)
    what = "the power to go off" if step is Step.CORE_SERVICES else "QEMU to exit"
    return f"waiting for {what}"


def _acpi(obs: Observation) -> str:
    if obs.run_state is RunState.SUSPENDED:
        return "the guest is asleep and cannot handle the press"
    if obs.pm1_before is not None and not obs.pm1_before.button_armed:
        return "the power button was not armed: QEMU dropped the press"
    latched = bool(obs.pm1_after) and obs.pm1_after[-1].press_pending
    return "waiting for the guest to handle the press" + ("; it is latched" if latched else "")


def _applications(obs: Observation) -> str:
    if not obs.samples:
        if obs.baseline is None:
            return "waiting for the power to go off; no more is visible from outside"
        return "waiting for the guest's first answer"
    sample = obs.samples[-1]
    holders = progress.holders(obs, sample)
    if holders:
        return f"waiting for services: {_some([service.name for service in holders])}"
    if not obs.records:
        return "waiting for a sign of the shutdown; the System log has none yet"
    names = sorted({program.name for program in progress.programs(obs, sample)})
    return f"waiting for {f'programs to exit: {_some(names)}' if names else 'services to stop'}"


def _some(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
