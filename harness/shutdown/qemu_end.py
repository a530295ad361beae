"""QEMU's own end after its guest has powered off.

No verdict waits for it: what the guest did is known with ``SHUTDOWN``. But a QEMU that crashes or
hangs then may leave the disk unfinished, and must be seen.
"""

from __future__ import annotations

from dataclasses import replace

from harness.deadline import Deadline
from harness.machine.events import PROCESS_EXIT, named
from harness.machine.protocol import Machine
from harness.shutdown.observation import QEMU_LINGERS, Observation

_SECONDS = 10.0
"""Time allowed for it; some 10 ms on a quiet host."""


def with_qemu_end(seen: Observation, machine: Machine) -> Observation:
    """The same attempt with QEMU's end, or :data:`QEMU_LINGERS` if it does not come in time.

    Waits only where the power went off.
    """
    if seen.event("SHUTDOWN") is None or seen.exit is not None:
        return seen
    if machine.events.wait(named(PROCESS_EXIT), Deadline.after(_SECONDS)) is None:
        machine.events.record(QEMU_LINGERS)
    return replace(seen, events=machine.events.since(seen.commanded_at))
