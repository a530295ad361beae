"""Overlays take the writes; the image below stays as it was."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, DiskError
from powerdown.images.digest import digest
from powerdown.images.image import Disk, DiskBus, DiskFormat
from powerdown.images.overlay import create_overlay


def raw_disk(directory: Path) -> Disk:
    path = directory / "odd, name.raw"
    path.write_bytes(b"base".ljust(1 << 20, b"\0"))
    return Disk(path, DiskFormat.RAW, DiskBus.IDE)


def test_writes_stay_in_the_overlay(tmp_path: Path) -> None:
    disk = raw_disk(tmp_path)
    before = digest(disk.path, Deadline.after(10))
    overlay = create_overlay(disk, tmp_path)
    write = ["qemu-io", "-f", "qcow2", "-c", "write -P 0xaa 0 512", str(overlay)]
    subprocess.run(write, check=True, timeout=20, capture_output=True)
    assert digest(disk.path, Deadline.after(10)) == before
    info = ["qemu-img", "info", "--output=json", str(overlay)]
    shown = json.loads(subprocess.run(info, check=True, timeout=20, capture_output=True).stdout)
    assert (shown["backing-filename"], shown["backing-filename-format"]) == (str(disk.path), "raw")


def test_an_overlay_is_never_replaced(tmp_path: Path) -> None:
    disk = raw_disk(tmp_path)
    create_overlay(disk, tmp_path)
    with pytest.raises(DiskError, match="it exists"):
        create_overlay(disk, tmp_path)


def test_a_disk_of_another_format(tmp_path: Path) -> None:
    disk = raw_disk(tmp_path)
    with pytest.raises(DiskError, match=r"not in qcow2 format"):
        create_overlay(Disk(disk.path, DiskFormat.QCOW2, disk.bus), tmp_path)


def test_digest_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert digest(tmp_path / "abc", Deadline.after(10)).startswith("ba7816bf8f01cfea414140de")


def test_digest_of_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No such file"):
        digest(tmp_path / "absent", Deadline.after(10))
    (tmp_path / "abc").write_bytes(b"abc")
    with pytest.raises(DeadlineExpired, match="digest"):
        digest(tmp_path / "abc", Deadline.after(0))
