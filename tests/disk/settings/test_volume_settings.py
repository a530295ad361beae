"""The system volume's state, against volumes that ntfs-3g's tools made and marked."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.disk.image import image_reader
from powerdown.disk.image.image_reader import ImageReader
from powerdown.disk.ntfs.volume_state import volume_state
from powerdown.images.image import Disk, DiskBus, DiskFormat
from powerdown.images.overlay import create_overlay
from powerdown.images.qemu_tool import qemu_img

MIB = 1 << 20


def run(*command: str, input: str | None = None) -> None:
    subprocess.run(command, input=input, text=True, check=True, timeout=30, capture_output=True)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare, clean NTFS volume."""
    path = tmp_path_factory.mktemp("ntfs") / "volume.raw"
    with path.open("wb") as file:
        file.truncate(4 * MIB)
    run("mkfs.ntfs", "-F", "-Q", "-q", str(path))
    return path


def test_clean_and_dirty(clean: Path, tmp_path: Path) -> None:
    state = volume_state(clean, DiskFormat.RAW)
    assert (state.dirty, state.version) == (False, (3, 1))
    dirty = tmp_path / "dirty.raw"
    dirty.write_bytes(clean.read_bytes())
    # Without -d it leaves the volume marked for chkdsk (man ntfsfix).
    run("ntfsfix", str(dirty))
    state = volume_state(dirty, DiskFormat.RAW)
    assert state.dirty
    assert state.flags & 1
    run("ntfsfix", "-d", str(dirty))
    assert not volume_state(dirty, DiskFormat.RAW).dirty


@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_the_largest_volume_is_found_through_a_chain_of_overlays(
    clean: Path, tmp_path: Path, label: str
) -> None:
    dirty = tmp_path / "dirty.raw"
    dirty.write_bytes(clean.read_bytes())
    run("ntfsfix", str(dirty))
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(12 * MIB))
    table = f"label: {label}\n,3MiB\n,4MiB\n,2MiB\n"
    run("sfdisk", "--quiet", str(path), input=table)
    with path.open("r+b") as file:
        # A small recovery volume before it; only its first sector matters.
        file.seek(MIB)
        file.write(clean.read_bytes()[:512])
        file.seek(4 * MIB)
        file.write(dirty.read_bytes())
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    overlay = create_overlay(Disk(path, DiskFormat.RAW, DiskBus.IDE), first)
    overlay = create_overlay(Disk(overlay, DiskFormat.QCOW2, DiskBus.IDE), second)
    assert volume_state(overlay, DiskFormat.QCOW2).dirty


def test_a_disk_without_ntfs(tmp_path: Path) -> None:
    path = tmp_path / "empty.raw"
    path.write_bytes(bytes(MIB))
    with pytest.raises(DiskError, match="find an NTFS volume"):
        volume_state(path, DiskFormat.RAW)


def test_bitlocker_is_named(tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(4 * MIB))
    run("sfdisk", "--quiet", str(path), input="label: gpt\n1MiB,1MiB\n")
    with path.open("r+b") as file:
        file.seek(MIB)
        file.write(b"\xeb\x58\x90-FVE-FS-")
    with pytest.raises(DiskError, match="Suspend BitLocker"):
        volume_state(path, DiskFormat.RAW)


def test_absent_and_mistaken_images(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No such file"):
        volume_state(tmp_path / "absent", DiskFormat.RAW)
    (tmp_path / "text").write_text("text" * 1000)
    with pytest.raises(DiskError, match="not in qcow2 format"):
        volume_state(tmp_path / "text", DiskFormat.QCOW2)


@pytest.mark.parametrize(
    ("offset", "length"), [(-512, 512), (1, 512), (0, 0), (0, 100), (0, 2 * MIB)]
)
def test_reads_are_bounded(clean: Path, offset: int, length: int) -> None:
    reader = ImageReader(clean, DiskFormat.RAW, Deadline.after(10))
    with pytest.raises(DiskError, match="were requested"):
        reader.read(offset, length)


def test_reading_past_the_end_is_an_error(clean: Path) -> None:
    reader = ImageReader(clean, DiskFormat.RAW, Deadline.after(10))
    size = clean.stat().st_size
    assert len(reader.read(size - 512, 512)) == 512
    for offset in (size, size + MIB, 512 << 64):
        with pytest.raises(DiskError):
            reader.read(offset, 512)


def test_what_lies_together_is_read_at_once(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []

    def counted(arguments: Sequence[str], deadline: Deadline) -> object:
        asked.append(arguments)
        return qemu_img(arguments, deadline)

    monkeypatch.setattr(image_reader, "qemu_img", counted)
    content = clean.read_bytes()
    reader = ImageReader(clean, DiskFormat.RAW, Deadline.after(10))
    for offset, length in [(0, 512), (4096, 1024), (0, 65536), (512, 512)]:
        assert reader.read(offset, length) == content[offset : offset + length]
    assert len(asked) == 1
    assert reader.read(65536, 512) == content[65536:66048]
    assert len(asked) == 2
