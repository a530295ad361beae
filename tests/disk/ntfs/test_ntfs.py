"""NTFS structures from damaged bytes: a value or a DiskError, nothing else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import DiskError
from powerdown.disk.ntfs.ntfs import (
    NtfsGeometry,
    NtfsVolumeState,
    parse_boot_sector,
    parse_volume_record,
)


def boot_sector(sector: int = 512, cluster: int = 8, mft: int = 4, record: int = -10) -> bytes:
    head = b"\xeb\x52\x90NTFS    " + struct.pack("<HB", sector, cluster)
    return (head.ljust(0x30, b"\0") + struct.pack("<Q8xb", mft, record)).ljust(512, b"\0")


def volume_record(flags: int = 0, *, resident: bool = True, end: int = 0xFFFFFFFF) -> bytearray:
    name = struct.pack("<IIBBHHHIHBB", 0x60, 0x18, 0, 0, 0, 0, 0, 0, 0x18, 0, 0)
    content = struct.pack("<8xBBH", 3, 1, flags)
    head = struct.pack("<IIBBHHHIHBB", 0x70, 0x28, not resident, 0, 0, 0, 0, 12, 0x18, 0, 0)
    attributes = name + (head + content).ljust(0x28, b"\0") + struct.pack("<II", end, 0)
    header = b"FILE" + struct.pack("<HH", 0x30, 3) + bytes(12) + struct.pack("<H", 0x38)
    record = bytearray((header.ljust(0x38, b"\0") + attributes).ljust(1024, b"\0"))
    check = b"\x07\x00"
    record[0x30:0x36] = check + record[510:512] + record[1022:1024]
    record[510:512] = record[1022:1024] = check
    return record


@pytest.mark.parametrize(
    ("sector", "expected"),
    [
        (boot_sector(), NtfsGeometry(4 * 4096 + 3 * 1024, 1024)),
        (boot_sector(cluster=1, record=2), NtfsGeometry(4 * 512 + 3 * 1024, 1024)),
        # 0xF4: 2 to the power of 12 sectors, a cluster of 2 MiB.
        (boot_sector(cluster=0xF4, mft=1), NtfsGeometry((2 << 20) + 3 * 1024, 1024)),
    ],
)
def test_where_the_volume_record_lies(sector: bytes, expected: NtfsGeometry) -> None:
    assert parse_boot_sector(sector) == expected


@pytest.mark.parametrize(
    "sector",
    [
        b"",
        bytes(512),
        boot_sector()[:100],
        boot_sector(cluster=0),
        boot_sector(sector=0),
        boot_sector(record=0),
        boot_sector(record=-128),
        boot_sector(cluster=0x80, record=127),
    ],
)
def test_unsound_boot_sectors(sector: bytes) -> None:
    with pytest.raises(DiskError):
        parse_boot_sector(sector)


@pytest.mark.parametrize(("flags", "dirty"), [(0, False), (1, True), (0x0080, False), (3, True)])
def test_flags(flags: int, dirty: bool) -> None:
    assert parse_volume_record(bytes(volume_record(flags))) == NtfsVolumeState(dirty, (3, 1), flags)


def test_a_torn_record_is_seen() -> None:
    record = volume_record(1)
    record[1022:1024] = b"\x06\x00"
    with pytest.raises(DiskError, match="partly written"):
        parse_volume_record(bytes(record))


@pytest.mark.parametrize(
    "record",
    [
        volume_record(resident=False),
        volume_record(end=0),
        volume_record()[:512],
        b"BAAD" + volume_record()[4:],
        bytes(1024),
        b"",
    ],
)
def test_unsound_records(record: bytes) -> None:
    with pytest.raises(DiskError):
        parse_volume_record(bytes(record))


@given(st.lists(st.tuples(st.integers(0, 1023), st.integers(0, 255)), max_size=20))
def test_a_damaged_record_gives_a_state_or_a_disk_error(damage: list[tuple[int, int]]) -> None:
    record = volume_record(1)
    for at, value in damage:
        record[at] = value
    try:
        state = parse_volume_record(bytes(record))
    except DiskError:
        return
    assert state.dirty == bool(state.flags & 1)


@given(st.binary(min_size=505, max_size=505))
def test_a_damaged_boot_sector_gives_a_place_or_a_disk_error(garbage: bytes) -> None:
    try:
        geometry = parse_boot_sector((b"\xeb\x52\x90NTFS    " + garbage)[:512])
    except DiskError:
        return
    assert geometry.volume_record_at % 512 == 0
    assert 0 < geometry.record_bytes <= 1 << 20
