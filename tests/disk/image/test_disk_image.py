"""Disks of every format as the guest sees them, against what qemu-img was given."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, DiskError, HostError
from powerdown.disk.image.disk_image import MOST_READ_BYTES, DiskImage
from powerdown.images.image import Disk, DiskBus, DiskFormat
from powerdown.images.overlay import create_overlay
from tests.support.ntfs_volumes import MIB, run
from tests.support.processes import children, gone

SIZE = 20 * MIB + 512


@pytest.fixture(scope="module")
def content() -> bytes:
    chance = random.Random(0)
    # Mostly zeros, as disks are.
    pieces = [chance.randbytes(MIB) if number % 5 == 0 else bytes(MIB) for number in range(20)]
    return b"".join(pieces) + chance.randbytes(512)


@pytest.fixture(scope="module")
def raw(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    path.write_bytes(content)
    return path


def deadline() -> Deadline:
    return Deadline.after(30)


def check(path: Path, format: DiskFormat, content: bytes) -> None:
    chance = random.Random(1)
    with DiskImage(path, format, deadline()) as image:
        # VHDX rounds the disk up.
        assert 0 <= image.size - len(content) < MIB
        assert image.read(0, len(content)) == content
        for _ in range(100):
            offset = chance.randrange(len(content))
            length = chance.randrange(min(300_000, len(content) - offset) + 1)
            assert image.read(offset, length) == content[offset : offset + length]


@pytest.mark.parametrize("format", DiskFormat)
def test_every_format(raw: Path, content: bytes, tmp_path: Path, format: DiskFormat) -> None:
    path = tmp_path / "disk"
    run("qemu-img", "convert", "-f", "raw", "-O", format, str(raw), str(path))
    check(path, format, content)


def test_chain_of_overlays(raw: Path, content: bytes, tmp_path: Path) -> None:
    above, path, format = bytearray(content), raw, DiskFormat.RAW
    for number in range(3):
        directory = tmp_path / str(number)
        directory.mkdir()
        path = create_overlay(Disk(path, format, DiskBus.IDE), directory)
        format = DiskFormat.QCOW2
        at = number * 3 * MIB
        run("qemu-io", "-f", "qcow2", "-c", f"write -P {number + 1} {at} 65536", str(path))
        above[at : at + 65536] = bytes([number + 1]) * 65536
    check(path, DiskFormat.QCOW2, bytes(above))
    assert raw.read_bytes() == content


def test_vmdk_upon_vmdk(raw: Path, content: bytes, tmp_path: Path) -> None:
    base, above = tmp_path / "base.vmdk", tmp_path / "above.vmdk"
    run("qemu-img", "convert", "-f", "raw", "-O", "vmdk", str(raw), str(base))
    run("qemu-img", "create", "-q", "-f", "vmdk", "-b", str(base), "-F", "vmdk", str(above))
    check(above, DiskFormat.VMDK, content)


@pytest.mark.parametrize(
    ("offset", "length"),
    [(-1, 1), (0, -1), (SIZE, 1), (SIZE - 1, 2), (1 << 70, 1), (0, MOST_READ_BYTES + 1)],
)
def test_reads_are_bounded(raw: Path, offset: int, length: int) -> None:
    with DiskImage(raw, DiskFormat.RAW, deadline()) as image:
        with pytest.raises(DiskError, match="were requested from a disk of"):
            image.read(offset, length)
        assert len(image.read(SIZE - 1, 1)) == 1
        assert image.read(SIZE, 0) == b""


def test_writes_go_to_the_overlay_and_are_kept(raw: Path, content: bytes, tmp_path: Path) -> None:
    overlay = create_overlay(Disk(raw, DiskFormat.RAW, DiskBus.IDE), tmp_path)
    with DiskImage(overlay, DiskFormat.QCOW2, deadline(), writable=True) as image:
        assert image.read(4096, 4) == content[4096:4100]
        image.write(4096, b"here")
        image.write(3 * MIB - 2, b"there")
        assert image.read(4096, 4) == b"here"
        with pytest.raises(DiskError, match="do not fit a disk of"):
            image.write(SIZE - 1, b"no")
    changed = bytearray(content)
    changed[4096:4100] = b"here"
    changed[3 * MIB - 2 : 3 * MIB + 3] = b"there"
    check(overlay, DiskFormat.QCOW2, bytes(changed))
    assert raw.read_bytes() == content
    run("qemu-img", "check", "-q", str(overlay))


def test_a_server_that_hangs_is_not_waited_for_without_end(raw: Path, tmp_path: Path) -> None:
    overlay = create_overlay(Disk(raw, DiskFormat.RAW, DiskBus.VIRTIO), tmp_path)
    image = DiskImage(overlay, DiskFormat.QCOW2, Deadline.after(2), writable=True)
    image.write(0, bytes(512))
    server = image._server
    server.send_signal(signal.SIGSTOP)
    with pytest.raises(DeadlineExpired):
        image.close()
    assert server.returncode == -signal.SIGKILL


def test_what_is_open_for_reading_cannot_be_written(raw: Path, content: bytes) -> None:
    with (
        DiskImage(raw, DiskFormat.RAW, deadline()) as image,
        pytest.raises(DiskError, match="write"),
    ):
        image.write(0, b"x" * 512)
    assert raw.read_bytes() == content


def test_a_disk_that_another_holds_locked_is_read(raw: Path, tmp_path: Path) -> None:
    overlay = create_overlay(Disk(raw, DiskFormat.RAW, DiskBus.IDE), tmp_path)
    with DiskImage(overlay, DiskFormat.QCOW2, deadline(), writable=True):
        with DiskImage(overlay, DiskFormat.QCOW2, deadline()) as image:
            assert image.size == SIZE
        with pytest.raises(DiskError, match="lock"):
            DiskImage(overlay, DiskFormat.QCOW2, deadline(), writable=True)


def test_absent_and_mistaken_images(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No such file"):
        DiskImage(tmp_path / "absent", DiskFormat.RAW, deadline())
    with pytest.raises(DiskError, match="not have a qcow2 header"):
        DiskImage(raw, DiskFormat.QCOW2, deadline())
    damaged = tmp_path / "damaged.vhdx"
    damaged.write_bytes(b"vhdxfile" + bytes(5 * MIB))
    with pytest.raises(DiskError, match=r"damaged\.vhdx"):
        DiskImage(damaged, DiskFormat.VHDX, deadline())
    with pytest.raises(DeadlineExpired):
        DiskImage(raw, DiskFormat.RAW, Deadline.after(0))


def test_what_is_not_installed_is_named(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "setpriv"):
        (programs / name).symlink_to(shutil.which(name) or "")
    with monkeypatch.context() as change:
        change.setenv("PATH", str(programs))
        with pytest.raises(HostError, match="qemu-nbd"):
            DiskImage(raw, DiskFormat.RAW, deadline())
        (programs / "setpriv").unlink()
        with pytest.raises(HostError, match="setpriv"):
            DiskImage(raw, DiskFormat.RAW, deadline())
    monkeypatch.setitem(sys.modules, "nbd", None)
    with pytest.raises(HostError, match="python3-libnbd"):
        DiskImage(raw, DiskFormat.RAW, deadline())


def test_temporary_files_may_be_far_away(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = tmp_path / ("x" * 120)
    far.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(far))
    with DiskImage(raw, DiskFormat.RAW, deadline()) as image:
        assert image.size == SIZE
    assert list(far.iterdir()) == []


HOLD = """
import sys
from pathlib import Path
from powerdown.core.deadline import Deadline
from powerdown.disk.image.disk_image import DiskImage
from powerdown.images.image import DiskFormat
with DiskImage(Path(sys.argv[1]), DiskFormat.RAW, Deadline.after(60)) as image:
    print(image.read(0, 4).hex(), flush=True)
    sys.stdin.read()
    if len(sys.argv) > 2:
        raise SystemExit(3)
"""


@pytest.fixture
def holder(raw: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(raw)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("how", ["ended", signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_behind(
    holder: subprocess.Popen[str], tmp_path: Path, how: signal.Signals | str
) -> None:
    (server,) = children(holder.pid)
    assert "qemu-nbd" in Path(f"/proc/{server}/cmdline").read_text()
    # Not even while it is in use.
    assert list(tmp_path.iterdir()) == []
    if isinstance(how, signal.Signals):
        holder.send_signal(how)
    holder.communicate(timeout=30)
    assert gone(server)
    assert list(tmp_path.iterdir()) == []
