"""Clones of ready guests, with a real QEMU and guests of one boot sector."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import HostError, MachineError
from powerdown.guest.guest import Guest
from powerdown.guest.guest_time import GuestTime
from powerdown.host.snapshots import template_making, warm_start
from powerdown.host.snapshots.clone_clock import check_clock
from powerdown.host.snapshots.start_notes import StartNotes
from powerdown.host.snapshots.template import MANIFEST, Template
from powerdown.host.snapshots.template_key import template_key
from powerdown.host.snapshots.template_store import TemplateStore
from powerdown.host.snapshots.warm_start import OLDEST_SECONDS, WarmStart
from powerdown.images.digest import digest
from powerdown.images.image import DiskBus, Image, MachineType, Start
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.hypervisor import QemuHypervisor
from powerdown.machine.qemu import tpm
from powerdown.machine.qemu.qemu_machine import QemuMachine
from tests.support.boot_sector import OBEDIENT, UNARMED, boot_image
from tests.support.made_templates import flip
from tests.support.tpm_guest import told as told_by_guest
from tests.support.tpm_guest import tpm_image

TCG = Accelerator(AcceleratorKind.TCG, "never KVM in the harness's own tests")

guest = pytest.mark.guest


class Run:
    """One run that uses templates; another of the same directory finds what this one has made."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.notes = directory / name
        self.said: list[str] = []
        self.starts = WarmStart(QemuHypervisor(TCG), directory / "cache", self.notes)
        self.time = GuestTime()

    @contextmanager
    def clone(self, image: Image) -> Iterator[Guest]:
        cloned = self._clone(image)
        assert cloned is not None, self.told(image)
        try:
            yield cloned
        finally:
            cloned.close()

    def told(self, image: Image) -> str:
        return StartNotes(self.notes).read(image.name).description

    def is_cold(self, image: Image) -> bool:
        return self._clone(image) is None

    def _clone(self, image: Image) -> Guest | None:
        handler = logging.handlers.BufferingHandler(100)
        logger = logging.getLogger("powerdown.host")
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        try:
            return self.starts.clone(image, self.time)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
            self.said += [record.getMessage() for record in handler.buffer]


@pytest.fixture
def cached(tmp_path: Path) -> Iterator[Path]:
    """A directory whose templates go with the test."""
    yield tmp_path
    discard(tmp_path)


@pytest.fixture
def run(cached: Path) -> Iterator[Run]:
    opened = Run(cached, "run")
    yield opened
    opened.starts.close()


@pytest.fixture
def later_run(cached: Path) -> Iterator[Run]:
    opened = Run(cached, "later-run")
    yield opened
    opened.starts.close()


def discard(directory: Path) -> None:
    """Memory files lie on the host's tmpfs: leave none there."""
    store = TemplateStore(directory / "cache")
    for name in store.known_names():
        assert store.remove(name)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    made = boot_image(tmp_path, OBEDIENT)
    # It spins while it waits for the button, and so never comes to rest.
    return replace(made, budgets=replace(made.budgets, boot=4))


def stored(run: Run) -> Template:
    store = TemplateStore(run.directory / "cache")
    complete = [one for name in store.known_names() if (one := store.named(name)) is not None]
    assert len(complete) == 1
    return complete[0]


@guest
def test_clones_of_one_boot_are_ready_and_apart(run: Run, image: Image) -> None:
    before = digest(image.disk.path, Deadline.after(10))
    with run.clone(image) as first, run.clone(image) as second:
        assert first.machine.probe_pm1().button_armed
        first.machine.press_power_button()
        first.machine.events.expect(named("SHUTDOWN"), Deadline.after(10), "power-off")
        assert second.machine.probe_pm1().button_armed
        assert second.machine.events.first(named("SHUTDOWN")) is None
    assert [line for line in run.said if "making" in line] == [run.said[0]]
    assert stored(run).damage() == ""
    assert digest(image.disk.path, Deadline.after(10)) == before
    assert run.told(image).startswith("warm, from template ")


@guest
def test_a_clone_is_as_old_as_its_guest(run: Run, image: Image) -> None:
    with run.clone(image) as cloned:
        uptime = stored(run).uptime
        assert uptime > 0
        assert now() - cloned.machine.started_at > uptime


@guest
def test_a_later_run_finds_the_template(run: Run, later_run: Run, image: Image) -> None:
    with run.clone(image):
        pass
    with later_run.clone(image):
        pass
    assert later_run.said == []
    assert "min before" in later_run.told(image)


@guest
@pytest.mark.parametrize("name", ["memory", "devices", "disk"])
def test_damage_is_seen_and_mended(run: Run, later_run: Run, image: Image, name: str) -> None:
    with run.clone(image):
        pass
    run.starts.close()
    flip(getattr(stored(run).partial, name))
    with later_run.clone(image) as cloned:
        assert cloned.machine.probe_pm1().button_armed
    assert "has changed since it was saved" in later_run.said[0]
    assert stored(run).damage() == ""


@guest
def test_an_old_template_is_made_anew(run: Run, later_run: Run, image: Image) -> None:
    with run.clone(image):
        pass
    run.starts.close()
    old = stored(run)
    manifest = old.partial.directory / MANIFEST
    values = json.loads(manifest.read_text())
    values["made_at"] -= OLDEST_SECONDS
    manifest.write_text(json.dumps(values))
    with later_run.clone(image):
        pass
    assert "24 h old" in later_run.said[0]
    assert stored(run).made_at > old.made_at


@guest
def test_a_template_of_tomorrow_is_made_anew(run: Run, later_run: Run, image: Image) -> None:
    with run.clone(image):
        pass
    run.starts.close()
    manifest = stored(run).partial.directory / MANIFEST
    values = json.loads(manifest.read_text())
    values["made_at"] += 3600
    manifest.write_text(json.dumps(values))
    with later_run.clone(image):
        pass
    assert "is in the future" in later_run.said[0]
    assert stored(run).made_at < values["made_at"]


@guest
def test_guests_of_a_damaged_template_keep_it(run: Run, later_run: Run, image: Image) -> None:
    with run.clone(image) as cloned:
        damaged = stored(run)
        flip(damaged.partial.memory)
        with later_run.clone(image):
            pass
        assert damaged.partial.disk.exists()
        assert cloned.machine.probe_pm1().button_armed
    run.starts.close()
    later_run.starts.close()


@guest
def test_damage_in_the_middle_of_a_run_is_seen_and_mended(run: Run, image: Image) -> None:
    with run.clone(image):
        pass
    # Behind the back of this run, which has read it already.
    flip(stored(run).partial.devices)
    stored(run).partial.devices.write_bytes(b"no state at all")
    with run.clone(image) as cloned:
        assert cloned.machine.probe_pm1().button_armed
    assert any("has changed since it was saved" in line for line in run.said)


@guest
def test_clones_that_never_come_up_end_in_cold_starts(
    run: Run, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hopeless(template: Template, ahead: float | None) -> None:
        raise MachineError("see the clock", "it is wrong", "Start cold.")

    monkeypatch.setattr(warm_start, "check_clock", hopeless)
    assert run.is_cold(image)
    assert run.told(image) == "cold: clones of its template do not answer (it is wrong)"
    assert len([line for line in run.said if "making" in line]) == 2
    run.starts.close()
    assert TemplateStore(run.directory / "cache").known_names() == []


@guest
def test_a_host_without_room_is_not_the_templates_fault(
    run: Run, later_run: Run, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run.clone(image):
        pass

    def full(*_: object) -> Path:
        raise HostError("copy the overlay", "no space left", "Make room there.")

    monkeypatch.setattr(Template, "clone_disk", full)
    with pytest.raises(HostError, match="no space left"):
        later_run.starts.clone(image, GuestTime())
    assert stored(run).damage() == ""
    assert not later_run.told(image).startswith("cold")


@guest
def test_what_cannot_be_saved_starts_cold(run: Run, image: Image) -> None:
    on_nvme = replace(image, machine=MachineType.Q35, disk=replace(image.disk, bus=DiskBus.NVME))
    assert run.is_cold(on_nvme)
    assert "non-migratable device" in run.told(on_nvme)
    tries = len(run.said)
    assert run.is_cold(on_nvme)
    assert len(run.said) == tries
    assert TemplateStore(run.directory / "cache").known_names() == []


@guest
@pytest.mark.parametrize("machine", list(MachineType))
def test_with_several_cpus(run: Run, image: Image, machine: MachineType) -> None:
    with run.clone(replace(image, vcpus=3, machine=machine)) as cloned:
        cloned.machine.press_power_button()
        cloned.machine.events.expect(named("SHUTDOWN"), Deadline.after(10), "power-off")


@guest
def test_with_a_tpm_that_knows_what_it_was_told(run: Run, tmp_path: Path) -> None:
    image = tpm_image(tmp_path)
    with run.clone(replace(image, budgets=replace(image.budgets, boot=4))) as cloned:
        cloned.machine.press_power_button()
        cloned.machine.events.expect(named(PROCESS_EXIT), Deadline.after(10), "QEMU's end")
        serial = cloned.machine.run_directory / "serial.log"  # type: ignore[attr-defined]
        assert serial.read_bytes() == told_by_guest(1)


@guest
def test_a_tpm_that_cannot_be_had_is_named(
    run: Run, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tpm, "SWTPM", "swtpm-that-is-not-there")
    wanting = replace(image, tpm=True)
    assert run.is_cold(wanting)
    assert run.told(wanting) == (
        "cold: no template could be made (swtpm-that-is-not-there is not installed)"
    )


@guest
def test_a_guest_that_does_not_get_ready_starts_cold(run: Run, tmp_path: Path) -> None:
    unarmed = boot_image(tmp_path, UNARMED)
    unarmed = replace(unarmed, budgets=replace(unarmed.budgets, boot=1.5))
    assert run.is_cold(unarmed)
    assert "has not enabled the button" in run.told(unarmed)


def test_a_template_that_is_not_to_be_had_ends_in_cold_starts(run: Run, image: Image) -> None:
    hurried = replace(image, budgets=replace(image.budgets, boot=0.05))
    with TemplateStore(run.directory / "cache").locked(key_of(hurried), Deadline.after(1)):
        assert run.is_cold(hurried)
        assert run.told(hurried).startswith("cold: its template is not available")
        assert f"process {os.getpid()} release" in run.told(hurried)
        tries = len(run.said)
        assert run.is_cold(hurried)
        assert len(run.said) == tries


def key_of(image: Image) -> str:
    return template_key(image, QemuHypervisor(TCG), digest(image.disk.path, Deadline.after(10)))


@guest
def test_its_owner_need_not_be_root_to_clone(run: Run, image: Image) -> None:
    """QEMU opens the memory for writing, though nothing is written to it."""
    with run.clone(image):
        assert stored(run).partial.memory.stat().st_mode & 0o777 == 0o600


@guest
def test_a_state_that_does_not_fit_is_told_in_qemus_words(run: Run, image: Image) -> None:
    with run.clone(image):
        pass
    template = stored(run)
    template.partial.devices.chmod(0o600)
    template.partial.devices.write_bytes(b"no state at all")
    overlay = template.clone_disk(run.directory)
    with pytest.raises(MachineError, match="Not a migration stream"):
        QemuMachine.restore(image, TCG, overlay, template.saved_state)


def test_an_image_that_wants_it_starts_cold(run: Run, image: Image) -> None:
    assert run.is_cold(replace(image, start=Start.COLD))
    assert run.told(image) == "cold, as its definition says"
    assert run.said == []


@guest
def test_an_interrupted_making_leaves_nothing(
    run: Run, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(template_making, "_wait_until_quiet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.is_cold(image)
    assert TemplateStore(run.directory / "cache").known_names() == []


WORKER = """
import logging, pickle, sys
from pathlib import Path
from powerdown.guest.guest_time import GuestTime
from powerdown.machine.hypervisor import QemuHypervisor
from powerdown.host.snapshots.warm_start import WarmStart
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
directory = Path(sys.argv[1])
image, accelerator = pickle.loads(sys.stdin.buffer.read())
starts = WarmStart(QemuHypervisor(accelerator), directory / "cache", directory / "notes")
clone = starts.clone(image, GuestTime())
assert clone is not None
assert clone.machine.probe_pm1().button_armed
clone.close()
starts.close()
"""


@guest
def test_of_several_workers_one_makes_it(tmp_path: Path, image: Image) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(pickle.dumps((image, TCG)))
        worker.stdin.close()
        worker.stdin = None
    said = []
    for worker in workers:
        output, errors = worker.communicate(timeout=60)
        assert worker.returncode == 0, errors.decode()
        said += output.decode().splitlines()
    assert len([line for line in said if "making" in line]) == 1
    assert len([line for line in said if "waiting" in line]) == 2
    discard(tmp_path)


AGE = 600.0


@pytest.mark.parametrize(
    ("at_save", "at_restore", "right"),
    [
        (0.0, -AGE, True),
        (0.0, 0.0, True),
        (3600.0, 3600.0 - AGE, True),
        (0.0, -AGE + 30, False),
        (0.0, 3600.0, False),
        (None, 0.0, True),
        (0.0, None, True),
    ],
)
def test_the_clock_goes_on_or_is_set_right(
    at_save: float | None, at_restore: float | None, right: bool
) -> None:
    template = Template(
        key="",
        image="image",
        made_at=time.time() - AGE,
        uptime=0.0,
        clock_ahead=at_save,
        memory_mib=1,
        partial=None,  # type: ignore[arg-type]
        digests={},
    )
    if right:
        check_clock(template, at_restore)
    else:
        with pytest.raises(MachineError, match=r"clock of a clone of image"):
            check_clock(template, at_restore)
