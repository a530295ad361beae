"""What an observation shows once its pieces are put together; still facts, no verdicts."""

from __future__ import annotations

from powerdown.diagnosis import progress
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import ChannelState, Command, Observation


def taken(obs: Observation) -> bool:
    """Whether the guest got the command: it took the press, or it ran the command."""
    if obs.command is Command.PRESS:
        return obs.press_taken_at is not None
    return obs.command is Command.INSIDE


def goes_on(obs: Observation) -> bool:
    """Whether the guest runs on, with nothing that ended it."""
    return obs.run_state is RunState.RUNNING and obs.event("RESET") is None


def reacted_by(obs: Observation) -> float:
    """When something must have been seen of a guest that reacts, host-monotonic."""
    return (obs.press_taken_at or obs.commanded_at) + obs.budgets.reaction


def took_it_and_did_nothing(obs: Observation) -> bool:
    """Whether the guest took a press, had its time to react, and goes on."""
    return obs.press_taken_at is not None and goes_on(obs) and obs.ended_at >= reacted_by(obs)


def spent_its_budget(obs: Observation) -> bool:
    """Whether the guest had all the time that its image allows."""
    return obs.watched >= obs.budgets.shutdown_hard * 0.98


def spent_its_soft_budget(obs: Observation) -> bool:
    """Whether it is too late for a shutdown in time."""
    return obs.watched > obs.budgets.shutdown_soft


def is_quiet(obs: Observation) -> bool:
    """Whether the guest answered and showed nothing of a shutdown once it had time to react.

    What counts is a question put after that time: an earlier one may have come too early.
    """
    if obs.control is not ChannelState.ALIVE or not obs.samples or progress.was_ending(obs):
        return False
    last = obs.samples[-1]
    return (
        last.knows("records")
        and last.records == ()
        and last.at >= reacted_by(obs)
        and not progress.is_ending(obs, last)
    )


def services_gone_at(obs: Observation) -> float | None:
    """When the control port went away for good; ``None`` if the guest answered after that."""
    closed = obs.control_lost_at
    if closed is None or any(sample.at > closed for sample in obs.samples):
        return None
    return closed
