"""The outside view and the outside injections on real guests of one boot sector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.disk.damage import destroy_boot_sector
from powerdown.images.image import DiskBus
from powerdown.images.overlay import create_overlay
from powerdown.machine.cpu_state import read_cpus
from powerdown.machine.events import named
from powerdown.machine.protocol import RunState
from powerdown.machine.qemu.qemu_machine import QemuMachine
from tests.support.boot_sector import (
    DARK,
    DARKENING,
    HUNG,
    IDLE,
    MASKLESS,
    OBEDIENT,
    SLEEPY,
    TYPEWRITER,
    WRITING,
    boot_image,
)
from tests.support.real_qemu import TCG, armed, cpu_seconds, let_pass, pm1_when

pytestmark = pytest.mark.guest

Boot = Callable[..., QemuMachine]


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    machines: list[QemuMachine] = []

    def start(code: bytes, vcpus: int = 1, bus: DiskBus = DiskBus.IDE) -> QemuMachine:
        image = replace(boot_image(tmp_path, code, bus=bus), vcpus=vcpus)
        machines.append(QemuMachine.start(image, TCG, create_overlay(image.disk, tmp_path)))
        return machines[-1]

    yield start
    for machine in machines:
        machine.close()


def serial(machine: QemuMachine, expected: bytes) -> bytes:
    """What came out of the serial port, once that is ``expected``."""
    deadline = Deadline.after(10)
    log = machine.run_directory / "serial.log"
    while (printed := log.read_bytes()) != expected and not deadline.expired:
        let_pass(machine, 0.01)
    return printed


def test_a_guest_that_spins_and_one_that_sleeps(boot: Boot, tmp_path: Path) -> None:
    spinning = boot(OBEDIENT)
    armed(spinning)
    assert cpu_seconds(spinning, 1.0) > 0.3
    (tmp_path / "overlay.qcow2").unlink()
    idle = boot(IDLE)
    armed(idle)
    assert cpu_seconds(idle, 1.0) < 0.2


@pytest.mark.parametrize("bus", list(DiskBus))
def test_what_it_reads_and_writes(boot: Boot, bus: DiskBus) -> None:
    machine = boot(WRITING, bus=bus)
    armed(machine)
    activity = machine.activity()
    assert activity.written_bytes == 512
    assert activity.read_bytes >= 512


def test_a_screen_turns_dark(boot: Boot) -> None:
    machine = boot(DARKENING)
    armed(machine)
    before = machine.sample_screen()
    assert not before.dark
    assert machine.sample_screen().digest == before.digest
    machine.press_power_button()
    deadline = Deadline.after(10)
    while not (after := machine.sample_screen()).dark:
        assert not deadline.expired
    assert after.digest != before.digest
    assert not list(machine.run_directory.glob("*.ppm"))


@pytest.mark.parametrize("asleep", [True, False])
def test_asleep_or_paused_it_is_seen_all_the_same(boot: Boot, asleep: bool) -> None:
    machine = boot(SLEEPY if asleep else DARK)
    if asleep:
        machine.events.expect(named("SUSPEND"), Deadline.after(20), "the guest go to sleep")
    else:
        armed(machine)
        machine.pause()
    assert cpu_seconds(machine, 0.2) < 0.1
    assert machine.sample_screen().digest
    with pytest.raises(
        MachineError, match=r"hang the guest's CPUs: its run state is (suspended|paused)"
    ):
        machine.hang_cpus()


def test_a_sleeper_is_woken_and_nobody_else(boot: Boot) -> None:
    machine = boot(SLEEPY)
    machine.events.expect(named("SUSPEND"), Deadline.after(20), "the guest go to sleep")
    machine.wake()
    machine.events.expect(named("WAKEUP"), Deadline.after(10), "it wake")


def test_who_is_awake_cannot_be_woken(boot: Boot) -> None:
    machine = boot(HUNG)
    armed(machine)
    with pytest.raises(MachineError, match="system_wakeup"):
        machine.wake()


def test_keys_reach_the_guest(boot: Boot) -> None:
    machine = boot(TYPEWRITER)
    armed(machine)
    machine.press_keys("a")
    # BIOS scan codes: A is 0x1e, Alt+F4 is 0x6b.
    assert serial(machine, b"\x1e") == b"\x1e"
    machine.press_keys("alt", "f4")
    assert serial(machine, b"\x1e\x6b") == b"\x1e\x6b"
    with pytest.raises(MachineError, match="zorro"):
        machine.press_keys("zorro")


def test_an_nmi_reaches_a_guest_with_interrupts_off(boot: Boot) -> None:
    machine = boot(MASKLESS)
    armed(machine)
    machine.inject_nmi()
    assert serial(machine, b"N") == b"N"


@pytest.mark.parametrize("code", [OBEDIENT, IDLE])
@pytest.mark.parametrize("vcpus", [1, 2])
def test_a_hung_guest_spins_and_takes_no_press(boot: Boot, code: bytes, vcpus: int) -> None:
    machine = boot(code, vcpus)
    armed(machine)
    machine.hang_cpus()
    assert machine.run_state() is RunState.RUNNING
    cpus = read_cpus(machine._monitor, Deadline.after(10))
    assert len(cpus) == vcpus
    assert not any(cpu.interruptible for cpu in cpus)
    # The second one was never started: its firmware has put it to sleep.
    assert not cpus[0].halted
    assert cpu_seconds(machine, 0.5) > 0.2
    machine.press_power_button()
    let_pass(machine, 0.5)
    assert pm1_when(machine, lambda sample: sample.press_pending).button_armed
    assert machine.events.exit is None


def test_it_is_hung_again_after_a_reset(boot: Boot) -> None:
    machine = boot(IDLE)
    armed(machine)
    machine.hang_cpus()
    machine.reset()
    pm1_when(machine, lambda sample: not sample.button_armed)
    armed(machine)
    machine.hang_cpus()
    machine.press_power_button()
    assert machine.probe_pm1().press_pending


def test_a_qemu_that_is_gone(boot: Boot) -> None:
    machine = boot(HUNG)
    machine.kill(Deadline.after(10))
    for ask in (
        machine.activity,
        machine.sample_screen,
        machine.wake,
        machine.inject_nmi,
        machine.hang_cpus,
        lambda: machine.press_keys("a"),
    ):
        with pytest.raises(MachineError):
            ask()


def test_a_guest_whose_boot_sector_was_destroyed_starts_nothing(boot: Boot) -> None:
    first = boot(OBEDIENT)
    armed(first)
    first.quit(Deadline.after(10))
    destroy_boot_sector(first.overlay)
    again = QemuMachine.start(first.image, TCG, first.overlay)
    try:
        pm1_when(again, lambda sample: sample.mapped)
        let_pass(again, 2.0)
        assert not again.probe_pm1().button_armed
    finally:
        again.close()
