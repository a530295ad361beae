"""What an observation shows once its pieces are put together; still facts, no verdicts."""

from __future__ import annotations

from powerdown.diagnosis import progress
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import Command, Control, Observation


def taken(seen: Observation) -> bool:
    """Whether the guest got the command: it took the press, or it ran the command."""
    if seen.command is Command.PRESS:
        return seen.press_taken_at is not None
    return seen.command is Command.INSIDE


def goes_on(seen: Observation) -> bool:
    """Whether the guest runs on, with nothing that ended it."""
    return seen.run_state is RunState.RUNNING and seen.event("RESET") is None


def reacted_by(seen: Observation) -> float:
    """When something must have been seen of a guest that reacts, host-monotonic."""
    return (seen.press_taken_at or seen.commanded_at) + seen.budgets.reaction


def took_it_and_did_nothing(seen: Observation) -> bool:
    """Whether the guest took a press, had its time to react, and goes on."""
    return seen.press_taken_at is not None and goes_on(seen) and seen.ended_at >= reacted_by(seen)


def spent_its_budget(seen: Observation) -> bool:
    """Whether the guest had all the time that its image allows."""
    return seen.watched >= seen.budgets.shutdown_hard * 0.98


def spent_its_soft_budget(seen: Observation) -> bool:
    """Whether it is too late for a shutdown in time."""
    return seen.watched > seen.budgets.shutdown_soft


def is_quiet(seen: Observation) -> bool:
    """Whether the guest answered and showed nothing of a shutdown once it had time to react.

    What counts is a question put after that time: an earlier one may have come too early.
    """
    if seen.control is not Control.ALIVE or not seen.looks or progress.was_ending(seen):
        return False
    last = seen.looks[-1]
    return (
        last.knows("records")
        and last.records == ()
        and last.at >= reacted_by(seen)
        and not progress.is_ending(seen, last)
    )


def services_gone_at(seen: Observation) -> float | None:
    """When the control port went away for good; ``None`` if the guest answered after that."""
    closed = seen.control_lost_at
    if closed is None or any(look.at > closed for look in seen.looks):
        return None
    return closed
