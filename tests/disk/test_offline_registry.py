"""Edits of a registry on an overlay: all of them or none, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, DiskError
from powerdown.disk import offline_registry
from powerdown.disk.image.disk_image import DiskImage
from powerdown.disk.offline_registry import edit_registry
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.images.image import Disk, DiskBus, DiskFormat
from powerdown.images.overlay import create_overlay
from powerdown.windows.registry_edit import (
    EditAction,
    RegistryEdit,
    ValueType,
    create_key,
    delete_key,
    set_dword,
    set_text,
)
from tests.support.ntfs_volumes import windows

CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
EDITS = (set_dword(CONTROL, "x", 1), set_dword(r"HKU\tester\Control Panel\Desktop", "y", 2))


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return windows(tmp_path_factory.mktemp("volume") / "volume.raw")


@pytest.fixture
def overlay(volume: Path, tmp_path: Path) -> Path:
    return create_overlay(Disk(volume, DiskFormat.RAW, DiskBus.VIRTIO), tmp_path)


def deadline() -> Deadline:
    return Deadline.after(30)


def same_disk(one: Path, other: Path) -> bool:
    """Whether both present the same bytes, by qemu-img."""
    return subprocess.run(["qemu-img", "compare", "-q", one, other], timeout=30).returncode == 0


def test_what_is_written_goes_to_the_overlay(volume: Path, overlay: Path) -> None:
    before = hashlib.sha256(volume.read_bytes()).digest()
    # It is read back before it returns.
    edit_registry(overlay, EDITS, deadline())
    assert not same_disk(overlay, volume)
    assert hashlib.sha256(volume.read_bytes()).digest() == before


def test_all_kinds_of_data_read_back_as_what_they_are(overlay: Path) -> None:
    kinds: list[tuple[ValueType, Any]] = [
        (ValueType.MULTI_SZ, ("",)),
        (ValueType.MULTI_SZ, ()),
        (ValueType.MULTI_SZ, ("a", "b")),
        (ValueType.SZ, "ends here\0not here"),
        (ValueType.EXPAND_SZ, "%x%"),
        (ValueType.BINARY, b"\0\1\2"),
        (ValueType.QWORD, 1 << 40),
    ]
    sets = [
        RegistryEdit(EditAction.SET_VALUE, CONTROL, f"n{number}", kind, data)
        for number, (kind, data) in enumerate(kinds)
    ]
    default = RegistryEdit(EditAction.SET_VALUE, CONTROL, "", ValueType.SZ, "default")
    cyrillic = f"{CONTROL}\\\u043a\u043b"
    gone = [set_text(cyrillic, "v", "x"), delete_key(cyrillic)]
    edit_registry(overlay, [*sets, default, *gone, create_key(rf"{CONTROL}\new")], deadline())


def test_one_hive_named_in_two_cases_is_one_hive(overlay: Path) -> None:
    edits = [set_text(rf"HKU\{name}\{name}", "x", name * 9) for name in ("tester", "TESTER")]
    edit_registry(overlay, [*edits, set_dword(r"HKU\Tester\other", "y", 1)], deadline())


@pytest.mark.parametrize("error", [DiskError("read", "nothing", "x"), KeyboardInterrupt()])
def test_without_being_read_back_it_is_put_back(
    volume: Path, overlay: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(DiskReader, "read_disk", fail)
    with pytest.raises(type(error)):
        edit_registry(overlay, EDITS, deadline())
    assert same_disk(overlay, volume)


def test_when_time_runs_out_while_writing_it_is_put_back_too(
    volume: Path, overlay: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, limit = DiskImage.write, deadline()

    def late(image: DiskImage, offset: int, data: bytes) -> None:
        write(image, offset, data)
        if image._deadline is limit:
            raise limit.expire("qemu-nbd answer", "nothing", "Wait.")

    monkeypatch.setattr(DiskImage, "write", late)
    with pytest.raises(DeadlineExpired):
        edit_registry(overlay, EDITS, limit)
    assert same_disk(overlay, volume)


def test_what_cannot_be_put_back_is_told(overlay: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(image: DiskImage, patches: object) -> None:
        raise DiskError("write it", "no space", "Make some.")

    monkeypatch.setattr(offline_registry, "_write", fail)
    with pytest.raises(DiskError, match="no space; and the old content could not be restored"):
        edit_registry(overlay, EDITS, deadline())
