"""The machine, with a real QEMU under software emulation and guests of one boot sector."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Picture

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import HostError, MachineError
from powerdown.disk.image.image_reader import ImageReader
from powerdown.images.digest import digest
from powerdown.images.image import DiskBus, DiskFormat, Firmware, Image, MachineType
from powerdown.images.overlay import create_overlay
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.protocol import Machine, RunState
from powerdown.machine.qemu.qemu_machine import QemuMachine
from tests.support.boot_sector import (
    ARM,
    HALT,
    HUNG,
    IGNORING,
    OBEDIENT,
    OFF_AT_ONCE,
    REBOOTING,
    TALKATIVE,
    UNARMED,
    boot_image,
    traffic,
)
from tests.support.real_qemu import TCG, armed, pm1_when

pytestmark = pytest.mark.guest

Boot = Callable[..., QemuMachine]

PARENT = """
import sys
from pathlib import Path
from powerdown.images.overlay import create_overlay
from tests.support.boot_sector import HUNG, boot_image
from tests.support.real_qemu import TCG
from powerdown.machine.qemu.qemu_machine import QemuMachine
directory = Path(sys.argv[1])
image = boot_image(directory, HUNG)
machine = QemuMachine.start(image, TCG, create_overlay(image.disk, directory))
print(machine.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    """Boots a boot sector, or a whole image; with the overlay of an earlier guest or a new one."""
    machines: list[QemuMachine] = []

    def start(guest: bytes | Image, overlay: Path | None = None) -> QemuMachine:
        image = boot_image(tmp_path, guest) if isinstance(guest, bytes) else guest
        overlay = overlay or create_overlay(image.disk, tmp_path)
        machines.append(QemuMachine.start(image, TCG, overlay))
        return machines[-1]

    yield start
    for machine in machines:
        machine.close()


def ended(machine: Machine) -> list[str]:
    """The names of all events once QEMU has ended."""
    found = machine.events.wait(named(PROCESS_EXIT), Deadline.after(20))
    assert found is not None
    return [event.name for event in machine.events.since()]


@pytest.mark.parametrize("machine_type", list(MachineType))
@pytest.mark.parametrize("bus", list(DiskBus))
def test_a_press_ends_an_obedient_guest(
    boot: Boot, tmp_path: Path, machine_type: MachineType, bus: DiskBus
) -> None:
    image = boot_image(tmp_path, OBEDIENT, machine_type, bus=bus)
    before = digest(image.disk.path, Deadline.after(10))
    machine = boot(image)
    armed(machine)
    pressed_at = machine.press_power_button()
    assert ended(machine)[-3:] == ["POWERDOWN", "SHUTDOWN", PROCESS_EXIT]
    off = machine.events.first(named("SHUTDOWN"), since=pressed_at)
    assert off is not None
    assert (off.data["guest"], off.data["reason"]) == (True, "guest-shutdown")
    assert machine.events.exit is not None
    assert machine.events.exit.data["status"] == 0
    assert digest(image.disk.path, Deadline.after(10)) == before


def test_uefi_firmware_finds_its_registers_elsewhere_or_not_yet(boot: Boot, tmp_path: Path) -> None:
    machine = boot(boot_image(tmp_path, HALT, MachineType.Q35, Firmware.UEFI))
    sample = pm1_when(machine, lambda sample: sample.mapped)
    assert not sample.button_armed
    assert machine.overlay.with_suffix(".efivars").stat().st_size > 0


def test_before_firmware_nothing_is_mapped_and_a_press_is_lost(tmp_path: Path) -> None:
    image = boot_image(tmp_path, UNARMED)
    machine = QemuMachine(image, TCG, create_overlay(image.disk, tmp_path), None, incoming=False)
    try:
        # QEMU is there, its CPUs are not started yet.
        machine._monitor.connect(Deadline.after(10))
        assert not machine.probe_pm1().mapped
        machine.press_power_button()
        machine.resume()
        sample = pm1_when(machine, lambda sample: sample.mapped)
        assert not sample.press_pending
        assert not sample.button_armed
    finally:
        machine.close()


def test_the_latch_tells_a_hung_guest_from_one_that_ignores(boot: Boot, tmp_path: Path) -> None:
    hung = boot(HUNG)
    armed(hung)
    hung.press_power_button()
    assert hung.probe_pm1().press_pending
    hung.close()
    (tmp_path / "overlay.qcow2").unlink()
    ignoring = boot(IGNORING)
    armed(ignoring)
    ignoring.press_power_button()
    pm1_when(ignoring, lambda sample: not sample.press_pending)
    assert ignoring.run_state() is RunState.RUNNING
    assert ignoring.events.exit is None


def test_a_guest_that_restarts(boot: Boot) -> None:
    machine = boot(REBOOTING)
    armed(machine)
    machine.press_power_button()
    reset = machine.events.expect(named("RESET"), Deadline.after(20), "a restart")
    assert reset.data["reason"] == "guest-reset"
    # It boots again, where firmware places the registers anew.
    armed(machine)


def test_commands_under_way_do_not_hide_the_end(boot: Boot) -> None:
    machine = boot(OBEDIENT)
    armed(machine)
    machine.press_power_button()
    with pytest.raises(MachineError):
        while True:
            machine.probe_pm1()
    assert ended(machine)[-2:] == ["SHUTDOWN", PROCESS_EXIT]


def test_quit(boot: Boot) -> None:
    machine = boot(HUNG)
    machine.quit(Deadline.after(10))
    assert ended(machine)[-2:] == ["SHUTDOWN", PROCESS_EXIT]
    off = machine.events.first(named("SHUTDOWN"))
    assert off is not None
    assert off.data["reason"] == "host-qmp-quit"
    with pytest.raises(MachineError):
        machine.run_state()


def test_kill(boot: Boot) -> None:
    machine = boot(HUNG)
    machine.kill(Deadline.after(10))
    assert "SHUTDOWN" not in ended(machine)
    assert machine.events.exit is not None
    assert machine.events.exit.data["status"] == -9
    assert machine.pid is None


def test_reset_pause_and_resume(boot: Boot) -> None:
    machine = boot(HUNG)
    armed(machine)
    at = machine.reset()
    reset = machine.events.expect(named("RESET"), Deadline.after(10), "the reset")
    assert reset.at >= at
    assert reset.data["reason"] == "host-qmp-system-reset"
    machine.pause()
    assert machine.run_state() is RunState.PAUSED
    machine.resume()
    assert machine.run_state() is RunState.RUNNING


def test_an_overlay_boots_again_after_a_forced_off(boot: Boot) -> None:
    first = boot(OFF_AT_ONCE)
    ended(first)
    first.close()
    again = boot(first.image, first.overlay)
    assert ended(again)[-2:] == ["SHUTDOWN", PROCESS_EXIT]


def test_the_disk_of_a_paused_guest_can_be_read(boot: Boot) -> None:
    machine = boot(ARM + HALT)
    machine.pause()
    reader = ImageReader(machine.overlay, DiskFormat.QCOW2, Deadline.after(10))
    assert reader.read(0, 512).startswith(ARM + HALT)


def test_the_screen(boot: Boot, tmp_path: Path) -> None:
    machine = boot(HUNG)
    armed(machine)
    with Picture.open(machine.screenshot(tmp_path / "screen.png")) as picture:
        assert picture.size >= (640, 400)
        # The firmware has written something on the black screen.
        assert len(picture.convert("L").getcolors() or []) > 1


def test_transcripts_hold_what_happened_until_close(boot: Boot) -> None:
    machine = boot(TALKATIVE)
    ended(machine)
    names = {path.name: path for path in machine.transcripts()}
    assert "qemu-system-x86_64" in names["command.txt"].read_text()
    assert names["serial.log"].read_bytes() == b"A"
    lines = traffic(names["qmp.jsonl"])
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)  # type: ignore[type-var]
    assert any("SHUTDOWN" in str(line["message"]) for line in lines)
    machine.close()
    machine.close()
    assert not machine.run_directory.exists()


def test_the_guests_time_starts_before_anything_is_seen_of_it(boot: Boot) -> None:
    before = now()
    machine = boot(OFF_AT_ONCE)
    ended(machine)
    off = machine.events.first(named("SHUTDOWN"))
    assert off is not None
    assert before < machine.started_at < off.at


def test_parallel_guests_have_their_own_ports(boot: Boot, tmp_path: Path) -> None:
    ports = set()
    for index in range(3):
        directory = tmp_path / str(index)
        directory.mkdir()
        host, port = boot(boot_image(directory, HUNG), None).control_address
        assert host == "127.0.0.1"
        ports.add(port)
        (tmp_path / "overlay.qcow2").unlink()
    assert len(ports) == 3


def test_a_qemu_that_does_not_start_says_why(boot: Boot, tmp_path: Path) -> None:
    image = boot_image(tmp_path, HUNG)
    begun = now()
    with pytest.raises(
        MachineError, match=r"status 1; standard error: .*absent.*The command was: "
    ) as e:
        boot(image, tmp_path / "absent.qcow2")
    assert "qemu-system-x86_64" in str(e.value)
    assert now() - begun < 10


def test_too_much_memory_is_the_hosts_problem(boot: Boot, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="memory"):
        boot(replace(boot_image(tmp_path, HUNG), memory_mib=1 << 20))


def test_no_qemu_installed(boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = boot_image(tmp_path, HUNG)
    overlay = create_overlay(image.disk, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="not installed"):
        boot(image, overlay)


def test_killing_the_harness_kills_qemu(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        qemu = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    poll = select.poll()
    poll.register(qemu, select.POLLIN)
    assert poll.poll(2000), "QEMU outlived its harness"
    os.close(qemu)
