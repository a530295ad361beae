"""Real QEMUs under software emulation, and what is waited for in their guests."""

from __future__ import annotations

from collections.abc import Callable

from powerdown.core.deadline import Deadline
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.protocol import Machine, Pm1Sample

TCG = Accelerator(AcceleratorKind.TCG, "never KVM in the harness's own tests")


def pm1_when(machine: Machine, ready: Callable[[Pm1Sample], bool]) -> Pm1Sample:
    """The first PM1 reading that is as wanted."""
    deadline = Deadline.after(20)
    while not ready(sample := machine.probe_pm1()):
        assert not deadline.expired, f"last saw {sample}"
        machine.events.wait(named(), deadline.at_most(0.005))
    return sample


def armed(machine: Machine) -> Pm1Sample:
    return pm1_when(machine, lambda sample: sample.button_armed)


def let_pass(machine: Machine, seconds: float) -> None:
    machine.events.wait(named(PROCESS_EXIT), Deadline.after(seconds))


def cpu_seconds(machine: Machine, seconds: float) -> float:
    """CPU time it takes in this time."""
    before = machine.activity()
    let_pass(machine, seconds)
    after = machine.activity()
    return (after.cpu_seconds - before.cpu_seconds) / (after.at - before.at)
