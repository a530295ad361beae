"""Observes a running guest without pressing its button or changing anything in it."""

from __future__ import annotations

from powerdown.core.deadline import now
from powerdown.guest.windows import Windows
from powerdown.machine.protocol import Machine
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.shutdown_monitor import ShutdownMonitor
from powerdown.shutdown.soft_shutdown import never_conclusive

_SECONDS = 2.5
"""Long enough to tell a guest at rest from one that spins or stands still: the timer of a system
at rest ticks many times in it."""


def observe_idle(machine: Machine, windows: Windows | None) -> Observation:
    """Observe a guest for some seconds from outside and, where it can be asked, from inside.

    Nothing is sent to the guest but the questions of the baseline, and nothing is changed.

    :param windows: the inside of the guest; ``None`` to observe from outside only.
    :return: an attempt with :attr:`Command.NOTHING`.
    :raise MachineError: QEMU is gone, or the connection to it is lost.
    """
    attempt = ShutdownMonitor(machine, windows, never_conclusive)
    began_at = now()
    before = machine.probe_pm1()

    def observe() -> Observation:
        return attempt.observe(Command.NOTHING, began_at, before)

    attempt.sample_outside(_SECONDS, began_at)
    return attempt.conclude(observe, began_at)
