"""Waiting until an injection shows in the guest. Each wait has an end, and says what it saw."""

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
    seen: Callable[[], bool],
    machine: Machine,
    waiting_for: str,
    remedy: str,
    seconds: float = SECONDS,
) -> None:
    """Look until it is so.

    :param seen: one look.
    :raise MachineError: QEMU ended first.
    :raise DeadlineExpired: it did not become so.
    """
    deadline, patience = Deadline.after(seconds), _PAUSE_SECONDS
    while not seen():
        if deadline.expired:
            raise deadline.expire(waiting_for, "it was not so at any look", remedy)
        pause = deadline.at_most(patience)
        patience = min(_LONGEST_PAUSE_SECONDS, patience * _GROWTH)
        if machine.events.wait(named(PROCESS_EXIT), pause) is not None:
            raise MachineError(
                f"see {waiting_for}", "QEMU ended first", "See the QMP transcript and serial log."
            )
