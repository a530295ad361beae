"""Partition tables, made by sfdisk and by chance."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import DiskError
from powerdown.disk.image.partitions import Partition, find_partitions

MIB = 1 << 20


def disk_with(directory: Path, table: str) -> bytearray:
    path = directory / "disk.raw"
    path.write_bytes(bytes(8 * MIB))
    command = ["sfdisk", "--quiet", str(path)]
    subprocess.run(command, input=table, text=True, check=True, timeout=20)
    return bytearray(path.read_bytes())


def reader(disk: bytes | bytearray):  # type: ignore[no-untyped-def]
    return lambda offset, length: bytes(disk[offset : offset + length])


def test_gpt(tmp_path: Path) -> None:
    disk = disk_with(tmp_path, "label: gpt\n,1MiB\n,2MiB\n")
    assert find_partitions(reader(disk)) == (
        Partition(MIB, MIB),
        Partition(2 * MIB, 2 * MIB),
    )


def test_mbr(tmp_path: Path) -> None:
    disk = disk_with(tmp_path, "label: dos\n,1MiB,7\n,2MiB,7\n,2MiB,5\n")
    assert find_partitions(reader(disk)) == (
        Partition(MIB, MIB),
        Partition(2 * MIB, 2 * MIB),
    )


def test_no_table() -> None:
    assert find_partitions(reader(bytes(MIB))) == ()
    assert find_partitions(reader(b"")) == ()


@pytest.mark.parametrize(
    ("at", "said"), [(512, "header is missing"), (512 + 72, "header's checksum"), (1024, "entries")]
)
def test_damage_to_a_gpt_is_seen(tmp_path: Path, at: int, said: str) -> None:
    disk = disk_with(tmp_path, "label: gpt\n,1MiB\n")
    disk[at] ^= 0xFF
    with pytest.raises(DiskError, match=said):
        find_partitions(reader(disk))


@given(st.binary(max_size=4096), st.booleans())
def test_garbage_gives_partitions_or_a_disk_error(garbage: bytes, signed: bool) -> None:
    disk = bytearray(garbage.ljust(2048, b"\xee"))
    if signed:
        disk[510:512] = b"\x55\xaa"
        disk[512:520] = b"EFI PART"
    try:
        partitions = find_partitions(reader(disk))
    except DiskError:
        return
    assert all(p.offset >= 0 and p.length >= 0 for p in partitions)
