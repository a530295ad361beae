"""Predicates on an observation that several rules share; facts, no verdicts."""

from __future__ import annotations

from powerdown.diagnosis import progress
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import ChannelState, Command, Observation


def command_taken(obs: Observation) -> bool:
    """Whether the command reached the guest: it took the press, or ran the command."""
    if obs.command is Command.PRESS:
        return obs.press_taken_at is not None
    return obs.command is Command.INSIDE


def still_running(obs: Observation) -> bool:
    """Whether the guest is still running and was not reset."""
    return obs.run_state is RunState.RUNNING and obs.event("RESET") is None


def reacted_by(obs: Observation) -> float:
    """When a guest that reacts has shown it, host-monotonic."""
    return (obs.press_taken_at or obs.commanded_at) + obs.budgets.reaction


def took_it_without_reaction(obs: Observation) -> bool:
    """Whether the guest took a press, had its time to react, and is still running."""
    return obs.press_taken_at is not None and still_running(obs) and obs.ended_at >= reacted_by(obs)


def hard_budget_spent(obs: Observation) -> bool:
    """Whether the guest had its whole hard budget."""
    return obs.watched >= obs.budgets.shutdown_hard * 0.98


def soft_budget_spent(obs: Observation) -> bool:
    """Whether it is too late for a shutdown in time."""
    return obs.watched > obs.budgets.shutdown_soft


def is_quiet(obs: Observation) -> bool:
    """Whether the guest answered and showed nothing of a shutdown once it had time to react.

    Only a sample taken after that time counts: an earlier one may have come too early.
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


def services_ended_at(obs: Observation) -> float | None:
    """When the control port went away for good; ``None`` if the guest answered after that."""
    closed = obs.control_lost_at
    if closed is None or any(sample.at > closed for sample in obs.samples):
        return None
    return closed
