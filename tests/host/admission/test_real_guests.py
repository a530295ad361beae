"""What is measured of real guests is what they do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.host.admission.guest_cost import GuestKind, Life, assumed_cost
from powerdown.host.admission.guest_meter import GuestMeter
from powerdown.images.overlay import create_overlay
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from powerdown.machine.qemu.qemu_machine import QemuMachine
from tests.support.boot_sector import HUNG, OBEDIENT, boot_image
from tests.support.fake_kernel import MIB

TCG = Accelerator(AcceleratorKind.TCG, "never KVM here")

pytestmark = pytest.mark.guest


@contextmanager
def armed(directory: Path, code: bytes) -> Iterator[QemuMachine]:
    """A guest that has armed its button and then waits for it, spinning or halted."""
    image = boot_image(directory, code)
    machine = QemuMachine.start(image, TCG, create_overlay(image.disk, directory))
    try:
        deadline = Deadline.after(30)
        while not machine.probe_pm1().button_armed:
            assert not deadline.expired
        yield machine
    finally:
        machine.close()


def life(machine: QemuMachine) -> Life:
    assert machine.pid is not None
    meter = GuestMeter(machine.pid)
    time.sleep(0.8)  # As long as its life is to be.
    seen = meter.close()
    assert seen is not None
    return seen


def test_a_spinning_guest_wants_a_core_and_a_hung_or_paused_one_nothing(tmp_path: Path) -> None:
    with armed(tmp_path, OBEDIENT) as machine:
        spinning = life(machine)
        machine.pause()
        paused = life(machine)
    (tmp_path / "hung").mkdir()
    with armed(tmp_path / "hung", HUNG) as machine:
        hung = life(machine)
    # However busy this host is: time spent waiting for a CPU counts.
    assert spinning.wanted / spinning.seconds > 0.75
    assert paused.wanted / paused.seconds < 0.25
    assert hung.wanted / hung.seconds < 0.25


def test_a_guest_holds_no_more_than_is_assumed(tmp_path: Path) -> None:
    with armed(tmp_path, HUNG) as machine:
        image = machine.image
        seen = life(machine)
    kind = GuestKind.of(image, TCG, "cold")
    assert 4 * MIB < seen.memory < assumed_cost(kind).memory
