"""Waiting until an injection takes effect in the guest, each time with a deadline."""

from __future__ import annotations

from collections.abc import Callable

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.protocol import Machine

SECONDS = 60.0
"""Long enough for what Windows does at once, under emulation too."""

_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 0.5
_GROWTH = 1.25
"""Between samples, for which no event exists; one that waits long needs not be told at once."""


def wait_until(
    condition: Callable[[], bool],
    machine: Machine,
    waiting_for: str,
    remedy: str,
    seconds: float = SECONDS,
) -> None:
    """Poll until a condition holds.

    :param condition: asks once.
    :raise MachineError: QEMU ended first.
    :raise DeadlineExpired: the condition did not hold in time.
    """
    deadline, wait = Deadline.after(seconds), _PAUSE_SECONDS
    while not condition():
        if deadline.expired:
            raise deadline.expire(waiting_for, "it was never so", remedy)
        pause = deadline.at_most(wait)
        wait = min(_LONGEST_PAUSE_SECONDS, wait * _GROWTH)
        if machine.events.wait(named(PROCESS_EXIT), pause) is not None:
            raise MachineError(
                f"see {waiting_for}", "QEMU ended first", "See the QMP transcript and serial log."
            )
