"""Settings written to the disk of the stand-in while it is off, on its real NTFS and hives."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from contextlib import closing, nullcontext
from pathlib import Path

import hivex
import pytest
from builder.volume_flags import flags_offsets

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.disk import offline_registry
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.image.disk_image import DiskImage
from powerdown.disk.offline_registry import DiskInUse, edit_registry
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault_cycle import PRESS_AFTER_REMEDY, PRESS_WITH_FAULT, run_fault_cycle
from powerdown.faults.offline import Offline
from powerdown.images.definition import load
from powerdown.images.image import Disk, DiskBus, DiskFormat
from powerdown.images.overlay import create_overlay
from powerdown.scenario.injection import Injection
from powerdown.scenario.scenario import Scenario
from powerdown.windows.settings.application_settings import AUTO_END_TASKS
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from powerdown.windows.settings.key_request import KeyRequest
from tests.standin.offline import NTFSRESIZE, output, system_volume
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.guest]

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"
SECONDS = 60.0
FAULTS = {str(fault): fault for fault in CATALOGUE}
NOTHING = POWER_BUTTON.set_policy(ButtonAction.NOTHING).edits


@pytest.fixture(scope="module")
def image():
    return load(DEFINITION)


@pytest.fixture
def overlay(image, tmp_path):
    return create_overlay(image.disk, tmp_path)


@pytest.fixture
def volume(image, tmp_path):
    """The system volume as a disk of its own."""
    return system_volume(image.disk.path, tmp_path)


def over(volume: Path) -> Path:
    """An overlay on it."""
    return create_overlay(Disk(volume, DiskFormat.RAW, DiskBus.VIRTIO), volume.parent)


def edit(overlay, edits=NOTHING, **options):
    edit_registry(overlay, edits, Deadline.after(SECONDS), **options)


def policy(overlay):
    """What the reader finds of the power button's policy."""
    request = DiskRequest(keys=(KeyRequest(POWER_BUTTON.policy_key),))
    with DiskReader() as reader:
        seen = reader.read_disk(overlay, DiskFormat.QCOW2, request, Deadline.after(SECONDS))
    return seen.registry.value(POWER_BUTTON.policy_key, "ACSettingIndex")


def same_disk(one: Path, other: Path) -> bool:
    """Whether both present the same bytes, by qemu-img."""
    return (
        subprocess.run(["qemu-img", "compare", "-q", one, other], timeout=SECONDS).returncode == 0
    )


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_every_setting_reaches_the_hives_and_the_image_stays_as_it_is(image, overlay, tmp_path):
    before = digest(image.disk.path)
    # Read back by the harness's own reader in the process.
    for fault in FAULTS.values():
        if isinstance(fault.offline, Offline):
            edit(overlay, fault.offline.edits(image))
            if fault.offline.remedy is not None:
                edit(overlay, fault.offline.remedy(image))
    edit(overlay, (*NOTHING, *AUTO_END_TASKS.set(True).edits))
    volume = system_volume(overlay, tmp_path)
    output(NTFSRESIZE, "--info", "--no-action", str(volume))
    software, ntuser = tmp_path / "SOFTWARE", tmp_path / "NTUSER"
    software.write_bytes(output("ntfscat", str(volume), "Windows/System32/config/SOFTWARE"))
    ntuser.write_bytes(output("ntfscat", str(volume), "Users/tester/NTUSER.DAT"))
    assert (
        value(software, POWER_BUTTON.policy_key.partition("SOFTWARE\\")[2], "ACSettingIndex") == 0
    )
    assert value(ntuser, r"Control Panel\Desktop", "AutoEndTasks") == "1"
    assert digest(image.disk.path) == before


def value(hive: Path, path: str, name: str):
    """As hivex has it."""
    opened = hivex.Hivex(str(hive))
    node = opened.root()
    for part in path.split("\\"):
        node = opened.node_get_child(node, part)
    found = opened.node_get_value(node, name)
    kind, _ = opened.value_value(found)
    return opened.value_dword(found) if kind == 4 else opened.value_string(found)


def test_an_image_is_never_written(image):
    with pytest.raises(DiskError, match="it is an image, not an overlay"):
        edit(image.disk.path)


def test_a_disk_that_somebody_has_open_is_left_alone(image, overlay):
    with (
        DiskImage(overlay, DiskFormat.QCOW2, Deadline.after(SECONDS), writable=True),
        pytest.raises(DiskError, match="lock"),
    ):
        edit(overlay)
    assert same_disk(overlay, image.disk.path)


def test_an_overlay_without_windows(tmp_path):
    empty = tmp_path / "empty.raw"
    empty.write_bytes(bytes(1 << 20))
    with pytest.raises(DiskError, match="find Windows on the disk"):
        edit(over(empty))


def test_a_dirty_volume_is_written_only_when_asked_for(volume):
    for at in flags_offsets(volume):
        with volume.open("r+b") as file:
            file.seek(at)
            file.write(b"\1")
    overlay = over(volume)
    with pytest.raises(DiskInUse, match="marked dirty"):
        edit(overlay)
    assert same_disk(overlay, volume)
    edit(overlay, allow_unclean=True)
    assert policy(overlay).data == ButtonAction.NOTHING


def test_nor_is_one_whose_journal_is_open(volume):
    journal = bytearray(output("ntfscat", "--force", str(volume), "$LogFile"))
    place = volume.read_bytes().index(journal[:4096])
    struct.pack_into("<4sHHQIIH", journal, 0, b"RSTR", 30, 9, 0, 4096, 4096, 48)
    struct.pack_into("<qHHHH", journal, 48, 5, 1, 0xFFFF, 0, 0)
    with volume.open("r+b") as file:
        file.seek(place)
        file.write(journal[:4096])
    with pytest.raises(DiskInUse, match="journal"):
        edit(over(volume))


@pytest.mark.parametrize(("first", "refused"), [(b"HIBR", True), (bytes(4), False)])
def test_nor_one_that_a_hibernated_system_holds(volume, tmp_path, first, refused):
    file = tmp_path / "hiberfil"
    file.write_bytes(first.ljust(8192, b"\0"))
    output("ntfscp", str(volume), str(file), "hiberfil.sys")
    overlay = over(volume)
    with pytest.raises(DiskInUse, match="hiberfil") if refused else nullcontext():
        edit(overlay)
    assert same_disk(overlay, volume) is refused


def test_what_cannot_be_written_whole_is_put_back(image, overlay, monkeypatch):
    writes = iter(range(100))
    write = DiskImage.write

    def failing(disk, offset, data):
        if next(writes) == 2:
            raise DiskError("write it", "no space", "Make some.")
        write(disk, offset, data)

    monkeypatch.setattr(DiskImage, "write", failing)
    with pytest.raises(DiskError, match="no space"):
        edit(overlay)
    assert next(writes) > 3
    assert same_disk(overlay, image.disk.path)


def test_what_does_not_read_back_is_put_back(image, overlay, monkeypatch):
    monkeypatch.setattr(offline_registry, "_holds", lambda seen, edit: False)
    with pytest.raises(DiskError, match="did not read back: set value"):
        edit(overlay)
    assert same_disk(overlay, image.disk.path)


@pytest.mark.parametrize(
    "name",
    ["power-button-ignored/by-policy", "no-logon-shutdown/forbidden", "asleep/button-sleeps"],
)
def test_a_fault_of_the_disk_is_named_and_remedied_like_one_of_the_guest(
    name, host, image, tmp_path
):
    fault = FAULTS[name]
    scenario = Scenario(host, image, name, tmp_path / "artifacts", Injection.OFFLINE)
    with closing(scenario):
        run_fault_cycle(scenario, fault)
    stages = {stage.name: stage for stage in scenario.stages}
    assert stages[PRESS_WITH_FAULT].expected == fault.expected[0]
    assert stages[PRESS_WITH_FAULT].as_expected
    assert stages["remedy"].facts == {"remedied": "offline"}
    assert stages[PRESS_AFTER_REMEDY].as_expected
