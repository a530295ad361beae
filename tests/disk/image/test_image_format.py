"""Which format an image has, and that no header leads to where it should not."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.disk.image.disk_image import DiskImage
from powerdown.disk.image.image_chain import block_node
from powerdown.disk.image.image_format import recognised_format
from powerdown.disk.image.layer_header import read_layer_header
from powerdown.images.image import DiskFormat
from tests.support.ntfs_volumes import MIB, run

SECRET = b"root:x:0:0:a secret of the host\n"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "passwd"
    path.write_bytes(SECRET.ljust(MIB, b"."))
    return path


def create(path: Path, format: str = "qcow2", *options: str) -> Path:
    run("qemu-img", "create", "-q", "-f", format, *options, str(path), "1M")
    return path


def bootable(path: Path) -> Path:
    path.write_bytes(bytes(510) + b"\x55\xaa" + bytes(MIB - 512))
    return path


def above(path: Path, base: Path, *, recorded: bool) -> Path:
    """A qcow2 over another file, which may not exist; as old programs made them if not recorded."""
    options = ("-u", "-b", str(base), "-F", "raw")
    create(path, "qcow2", *options)
    if not recorded:
        data = bytearray(path.read_bytes())
        at = data.index(struct.pack(">I", 0xE2792ACA), 100)
        # An extension nobody knows is passed over.
        struct.pack_into(">I", data, at, 0x12345678)
        path.write_bytes(data)
    return path


@pytest.mark.parametrize("format", ["qcow2", "vhdx", "vmdk"])
@pytest.mark.parametrize("suffix", ["right", ""])
def test_by_header(tmp_path: Path, format: str, suffix: str) -> None:
    path = create(tmp_path / f"disk{f'.{format}' if suffix else ''}", format)
    assert recognised_format(path) == format


@pytest.mark.parametrize("suffix", ["", ".raw", ".img", ".disk"])
def test_raw(tmp_path: Path, suffix: str) -> None:
    assert recognised_format(bootable(tmp_path / f"disk{suffix}")) is DiskFormat.RAW


@pytest.mark.parametrize("name", ["disk.raw", "disk.img", "disk.vmdk", "disk.VHDX"])
def test_a_header_that_the_name_speaks_against(tmp_path: Path, name: str) -> None:
    with pytest.raises(DiskError, match="--format"):
        recognised_format(create(tmp_path / name))


def test_a_disk_a_guest_wrote_does_not_lead_to_files_of_the_host(
    tmp_path: Path, secret: Path
) -> None:
    # Called "disk", as OpenStack does, and once raw: what the guest wrote is taken for a header.
    path = above(tmp_path / "disk", secret, recorded=True)
    with pytest.raises(DiskError, match="--format"):
        recognised_format(path)
    with DiskImage(path, DiskFormat.RAW, Deadline.after(10)) as image:
        assert SECRET[:10] not in image.read(0, image.size)
    # The same where somebody calls it an overlay: that is for them to say.
    assert recognised_format(path.rename(tmp_path / "disk.qcow2")) is DiskFormat.QCOW2


def test_qemu_is_not_asked_to_guess_what_is_under_an_overlay(tmp_path: Path, secret: Path) -> None:
    base = above(tmp_path / "base.img", secret, recorded=True)
    overlay = above(tmp_path / "overlay.qcow2", base, recorded=False)
    with pytest.raises(DiskError, match=r"base\.img.*--format"):
        DiskImage(overlay, DiskFormat.QCOW2, Deadline.after(10))
    # Where it is recorded as raw, it is read as raw.
    overlay = above(tmp_path / "sound.qcow2", base, recorded=True)
    with DiskImage(overlay, DiskFormat.QCOW2, Deadline.after(10)) as image:
        assert image.read(0, 4) == b"QFI\xfb"
    base = bootable(tmp_path / "plain.img")
    overlay = above(tmp_path / "old.qcow2", base, recorded=False)
    with DiskImage(overlay, DiskFormat.QCOW2, Deadline.after(10)) as image:
        assert image.read(510, 2) == b"\x55\xaa"


@pytest.mark.parametrize("name", ["nbd://127.0.0.1:1/x", "json:{}", "https://[::1]/x", "ssh:x"])
def test_names_that_are_no_files(tmp_path: Path, name: str) -> None:
    path = above_named(tmp_path / "a.qcow2", name)
    with pytest.raises(DiskError, match="not a plain file name"):
        block_node(path, DiskFormat.QCOW2)


def above_named(path: Path, name: str) -> Path:
    """An overlay whose base is called so: qemu-img would look at what that is."""
    placeholder = "x" * len(name)
    above(path, Path(placeholder), recorded=True)
    path.write_bytes(path.read_bytes().replace(placeholder.encode(), name.encode(), 1))
    return path


def test_a_chain_without_end(tmp_path: Path) -> None:
    path = above_named(tmp_path / "a.qcow2", "a.qcow2")
    data = bytearray(path.read_bytes())
    at = data.index(b"raw", 100)
    data[at - 4 : at + 8] = struct.pack(">I", 5) + b"qcow2\0\0\0"
    path.write_bytes(data)
    with pytest.raises(DiskError, match="circular or too long"):
        block_node(path, DiskFormat.QCOW2)


def test_data_in_another_file(tmp_path: Path) -> None:
    path = create(tmp_path / "a.qcow2", "qcow2", "-o", f"data_file={tmp_path / 'data'}")
    with pytest.raises(DiskError, match="another file"):
        block_node(path, DiskFormat.QCOW2)


@pytest.mark.parametrize("line", ['RW 2048 FLAT "{}" 0', 'RW 2048FLAT\n"{}" 0'])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_vmdk_whose_data_lie_elsewhere(
    tmp_path: Path, secret: Path, sparse: bool, line: str
) -> None:
    text = f"""# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="monolithicFlat"
{"#" * 70_000}
{line.format(secret)}
"""
    path = tmp_path / "disk.vmdk"
    # Without capacity, the descriptor in a sparse extent is what counts.
    header = struct.pack("<4sIIQQQ", b"KDMV", 1, 0, 0, 0, 1) if sparse else b""
    path.write_bytes(header.ljust(512 if sparse else 0, b"\0") + text.encode() + bytes(512))
    assert recognised_format(path) is DiskFormat.VMDK
    with pytest.raises(DiskError, match="outside its own directory"):
        DiskImage(path, DiskFormat.VMDK, Deadline.after(30))


def test_what_is_no_disk(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("text" * 1000)
    with pytest.raises(DiskError, match="not a disk image"):
        recognised_format(text)
    (tmp_path / "empty").touch()
    with pytest.raises(DiskError, match="not a disk image"):
        recognised_format(tmp_path / "empty")
    with pytest.raises(DiskError, match="Convert it"):
        recognised_format(create(tmp_path / "disk.vhd", "vpc"))
    with pytest.raises(DiskError, match="Is a directory"):
        recognised_format(tmp_path)
    with pytest.raises(DiskError, match="neither a file"):
        recognised_format(Path("/dev/zero"))


MAGICS = [b"QFI\xfb\0\0\0\3", b"KDMV\1\0\0\0", b"vhdxfile", b"COWD", b"# Disk DescriptorFile\n"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=300))
def test_headers_of_any_content(tmp_path: Path, magic: bytes, rest: bytes) -> None:
    path = tmp_path / "disk"
    path.write_bytes(magic + rest)
    try:
        header = read_layer_header(path)
    except DiskError:
        return
    assert header.format is not None
