"""Waiting until an injection shows in the guest. Each wait has an end, and says what it saw."""

from __future__ import annotations

from collections.abc import Callable

from harness.deadline import Deadline
from harness.errors import MachineError
from harness.machine.events import PROCESS_EXIT, named
from harness.machine.protocol import Machine

SECONDS = 60.0
"""Long enough for what Windows does at once, under emulation too."""

_PAUSE_SECONDS = 0.2
"""Between looks, for which no event exists."""


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
    deadline = Deadline.after(seconds)
    while not seen():
        if deadline.expired:
            raise deadline.expire(waiting_for, "it was not so at any look", remedy)
        pause = deadline.at_most(_PAUSE_SECONDS)
        if machine.events.wait(named(PROCESS_EXIT), pause) is not None:
            raise MachineError(
                f"see {waiting_for}", "QEMU ended first", "See the QMP transcript and serial log."
            )
