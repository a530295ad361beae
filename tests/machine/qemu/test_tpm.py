"""A TPM: seen by the guest, kept with its disk, saved and copied with it, and never left behind."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import HostError, MachineError
from powerdown.images.image import Disk, DiskFormat, Image, MachineType
from powerdown.images.overlay import create_overlay
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.qemu import tpm
from powerdown.machine.qemu.launch import tpm_beside
from powerdown.machine.qemu.qemu_machine import QemuMachine
from powerdown.machine.saved_state import MemoryFile, SavedState
from tests.support.tpm_guest import told, tpm_image

pytestmark = pytest.mark.guest

TCG = Accelerator(AcceleratorKind.TCG, "never KVM in the harness's own tests")
SECONDS = 20.0

Boot = Callable[[Image, Path], QemuMachine]


@pytest.fixture
def boot() -> Iterator[Boot]:
    """Boots a guest, as far as its button."""
    with ExitStack() as machines:

        def start(image: Image, overlay: Path) -> QemuMachine:
            machine = QemuMachine.start(image, TCG, overlay, MemoryFile(memory(overlay), True))
            machines.callback(machine.close)
            until(lambda: machine.probe_pm1().button_armed)
            return machine

        yield start


def memory(overlay: Path) -> Path:
    return overlay.with_suffix(".memory")


def until(reached: Callable[[], bool]) -> None:
    deadline = Deadline.after(SECONDS)
    while not reached():
        assert not deadline.expired


def press(machine: QemuMachine) -> bytes:
    """What the guest said, from its start or its restore until it is off."""
    machine.press_power_button()
    machine.events.expect(named(PROCESS_EXIT), Deadline.after(SECONDS), "QEMU's end")
    # What the BIOS prints before that is not the guest's.
    return (machine.run_directory / "serial.log").read_bytes()[-4:]


def children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def swtpms() -> list[int]:
    """Those of this process."""
    return [pid for pid in children(os.getpid()) if name(pid) == "swtpm"]


def name(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""


@pytest.mark.parametrize("machine", list(MachineType))
def test_a_guest_uses_its_tpm(boot: Boot, tmp_path: Path, machine: MachineType) -> None:
    image = tpm_image(tmp_path, machine)
    guest = boot(image, create_overlay(image.disk, tmp_path))
    assert len(swtpms()) == 1
    assert press(guest) == 2 * told(1)
    assert swtpms() == []
    assert (tmp_path / "overlay.tpm").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("machine", list(MachineType))
def test_clones_go_on_with_a_copy_each(boot: Boot, tmp_path: Path, machine: MachineType) -> None:
    image = tpm_image(tmp_path, machine)
    overlay = create_overlay(image.disk, tmp_path)
    saved = boot(image, overlay)
    saved.pause()
    uptime = saved.save(tmp_path / "devices")
    saved.quit(Deadline.after(SECONDS))
    state = SavedState(memory(overlay), tmp_path / "devices", uptime)
    for number in (1, 2):
        directory = tmp_path / f"a,clone-{number}"
        directory.mkdir()
        disk = create_overlay(Disk(overlay, DiskFormat.QCOW2, image.disk.bus), directory)
        clone = QemuMachine.restore(image, TCG, disk, state)
        try:
            clone.resume()
            # It has told once before it was saved; a TPM of its own would know of no event.
            assert press(clone) == told(1)
        finally:
            clone.close()
    # The TPM counts its starts, so this is the clone's.
    assert press(boot(image, disk)) == 2 * told(2)


def test_without_power_it_keeps_what_it_had(boot: Boot, tmp_path: Path) -> None:
    image = tpm_image(tmp_path)
    overlay = create_overlay(image.disk, tmp_path)
    boot(image, overlay).kill(Deadline.after(SECONDS))
    assert swtpms() == []
    assert press(boot(image, overlay)) == 2 * told(2)


def test_a_qemu_that_does_not_start_leaves_none(tmp_path: Path) -> None:
    image = tpm_image(tmp_path)
    began = now()
    with pytest.raises(MachineError, match="absent"):
        QemuMachine.start(image, TCG, tmp_path / "absent.qcow2")
    assert swtpms() == []
    assert now() - began < SECONDS / 2


def test_a_host_without_swtpm_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tpm_image(tmp_path)
    overlay = create_overlay(image.disk, tmp_path)
    monkeypatch.setattr(tpm, "SWTPM", "swtpm-that-is-not-there")
    with pytest.raises(HostError, match="Install the package swtpm"):
        QemuMachine.start(image, TCG, overlay)
    assert not tpm_beside(overlay).exists()
    QemuMachine.start(replace(image, tpm=False), TCG, overlay).close()


HARNESS = """
import pickle, sys
from powerdown.core.deadline import Deadline
from powerdown.machine.qemu.qemu_machine import QemuMachine
machine = QemuMachine.start(*pickle.loads(sys.stdin.buffer.read()))
print("started", flush=True)
machine.events.wait(lambda event: False, Deadline.after(60))
"""


def test_a_killed_harness_leaves_none(tmp_path: Path) -> None:
    image = tpm_image(tmp_path)
    overlay = create_overlay(image.disk, tmp_path)
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert harness.stdin is not None and harness.stdout is not None
    harness.stdin.write(pickle.dumps((image, TCG, overlay)))
    harness.stdin.close()
    assert harness.stdout.readline() == b"started\n"
    left = children(harness.pid)
    assert "swtpm" in map(name, left)
    harness.send_signal(signal.SIGKILL)
    harness.wait(SECONDS)
    harness.stdout.close()
    until(lambda: not any(name(pid) == "swtpm" for pid in left))
