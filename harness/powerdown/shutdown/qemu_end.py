"""QEMU's own end after its guest has powered off.

No verdict waits for it: what the guest did is known with ``SHUTDOWN``. But a QEMU that crashes or
hangs then may leave the disk unfinished, and must be noticed.
"""

from __future__ import annotations

from dataclasses import replace

from powerdown.core.deadline import Deadline
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.protocol import Machine
from powerdown.shutdown.observation import QEMU_LINGERS, Observation

_SECONDS = 10.0
"""Time allowed for it; some 10 ms on a quiet host."""

_TOLD_TO_STAY_SECONDS = 1.0
"""The same for a QEMU that was told to stay (``-no-shutdown``): libvirt tells all of its own so and
then ends them, or starts their guest again."""


def with_qemu_end(obs: Observation, machine: Machine) -> Observation:
    """The same attempt with QEMU's end, or :data:`QEMU_LINGERS` if it does not come in time.

    Waits only where the power went off.
    """
    off = obs.event("SHUTDOWN")
    if off is None or obs.exit is not None:
        return obs
    # QEMU says STOP behind the power-off only with -no-shutdown (qemu:softmmu/runstate.c).
    ended = machine.events.wait(named(PROCESS_EXIT, "STOP"), Deadline.after(_SECONDS), since=off.at)
    if ended is None:
        machine.events.record(QEMU_LINGERS)
    elif ended.name == "STOP":
        deadline = Deadline.after(_TOLD_TO_STAY_SECONDS)
        machine.events.wait(named(PROCESS_EXIT, "RESET"), deadline, since=off.at)
    return replace(obs, events=machine.events.since(obs.commanded_at))
