"""Forced shutdown: cut the guest's power in each way a host can, and verify it."""

from __future__ import annotations

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import DeadlineExpired
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.protocol import Machine
from powerdown.shutdown.observation import Command, Observation

_CUT_SECONDS = 15.0
"""Time allowed for QEMU to end, or to report the reset."""

FORCED_COMMANDS = (Command.QUIT, Command.KILL, Command.RESET)
"""The ways to force a guest off."""


def cut_power(machine: Machine, way: Command) -> Observation:
    """Force the guest off and return the observation from outside.

    After a reset the machine is paused as soon as the reset is reported, within its firmware, so
    that its disk can be read as the reset left it; :meth:`Machine.resume` boots it again.

    :param way: one of :data:`FORCED_COMMANDS`.
    :raise DeadlineExpired: the power was not seen to go.
    """
    deadline = Deadline.after(_CUT_SECONDS)
    commanded_at = now()
    if way is Command.QUIT:
        machine.quit(deadline)
    elif way is Command.KILL:
        machine.kill(deadline)
    elif way is Command.RESET:
        machine.reset()
    else:
        raise ValueError(f"{way} does not force a guest off")
    ended = machine.events.wait(
        named("RESET") if way is Command.RESET else named(PROCESS_EXIT),
        deadline,
        since=commanded_at,
    )
    if ended is None:
        raise _not_cut(deadline, way)
    if way is Command.RESET and machine.events.exit is None:
        machine.pause()
    return Observation(
        command=way,
        commanded_at=commanded_at,
        ended_at=ended.at,
        budgets=machine.budgets,
        vcpus=machine.vcpus,
        powered_on_at=machine.started_at,
        events=machine.events.since(commanded_at),
        run_state=None if machine.events.exit else machine.run_state(),
    )


def _not_cut(deadline: Deadline, way: Command) -> DeadlineExpired:
    return deadline.expire(
        f"the guest's power go after {way}", "QEMU goes on", "See the QMP transcript."
    )
