"""Destroying what a disk boots from, and nobody's image."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError, HostError
from powerdown.disk.damage import destroy_boot_sector
from powerdown.disk.image.image_reader import ImageReader
from powerdown.disk.image.partitions import find_partitions
from powerdown.images.digest import digest
from powerdown.images.image import Disk, DiskBus, DiskFormat
from powerdown.images.overlay import create_overlay

MIB = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A raw disk with a GUID partition table and something on its first partition."""
    path = tmp_path / "image.raw"
    path.write_bytes(bytes(8 * MIB))
    sfdisk = ["sfdisk", "--quiet", str(path)]
    subprocess.run(sfdisk, input="label: gpt\n,4MiB\n", text=True, check=True, timeout=20)
    with path.open("r+b") as file:
        file.seek(MIB)
        file.write(b"content")
    return path


@pytest.fixture
def overlay(image: Path, tmp_path: Path) -> Path:
    return create_overlay(Disk(image, DiskFormat.RAW, DiskBus.IDE), tmp_path)


def read(overlay: Path, offset: int, length: int) -> bytes:
    return ImageReader(overlay, DiskFormat.QCOW2, Deadline.after(20)).read(offset, length)


def test_what_the_guest_boots_from_is_gone_and_the_rest_is_not(overlay: Path, image: Path) -> None:
    before = digest(image, Deadline.after(10))
    assert find_partitions(lambda at, length: read(overlay, at, length))
    destroy_boot_sector(overlay)
    assert not any(read(overlay, 0, 34 * 512))
    assert not any(read(overlay, 8 * MIB - 33 * 512, 33 * 512))
    assert read(overlay, MIB, 512).startswith(b"content")
    assert digest(image, Deadline.after(10)) == before
    # Twice is no error: it is what it should be.
    destroy_boot_sector(overlay)


def test_a_disk_smaller_than_two_tables(tmp_path: Path) -> None:
    image = tmp_path / "small.raw"
    image.write_bytes(b"\xff" * 8192)
    overlay = create_overlay(Disk(image, DiskFormat.RAW, DiskBus.IDE), tmp_path)
    destroy_boot_sector(overlay)
    assert read(overlay, 0, 8192) == bytes(8192)


def test_an_image_is_refused_whatever_its_format(image: Path, tmp_path: Path) -> None:
    qcow2 = tmp_path / "image.qcow2"
    convert = ["qemu-img", "convert", "-O", "qcow2", str(image), str(qcow2)]
    subprocess.run(convert, check=True, timeout=20)
    for path, said in ((image, "not a qcow2 overlay"), (qcow2, "no backing file")):
        before = path.read_bytes()
        with pytest.raises(DiskError, match=said):
            destroy_boot_sector(path)
        assert path.read_bytes() == before


def test_an_overlay_that_a_guest_has_open_is_refused(overlay: Path) -> None:
    command = ["qemu-io", "-f", "qcow2", str(overlay)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            holder.stdin.write(b"length\n")
            # Its answer: it has the disk open.
            while b"MiB" not in holder.stdout.readline():
                assert holder.poll() is None
            with pytest.raises(DiskError, match="lock"):
                destroy_boot_sector(overlay)
        finally:
            holder.kill()


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No such file"):
        destroy_boot_sector(tmp_path / "absent.qcow2")


def test_no_qemu_io(overlay: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="qemu-io"):
        destroy_boot_sector(overlay)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.binary(max_size=40), st.booleans())
def test_garbage_is_refused(tmp_path: Path, garbage: bytes, magic: bool) -> None:
    path = tmp_path / "garbage"
    path.write_bytes((b"QFI\xfb" if magic else b"") + garbage)
    before = path.read_bytes()
    with pytest.raises(DiskError):
        destroy_boot_sector(path)
    assert path.read_bytes() == before
