"""The part of NTFS that shows whether a volume is marked dirty.

Layouts: the boot sector and MFT records as in ntfs-3g's ``layout.h``; the volume flags as in
fact:ntfs-dirty-flag.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from powerdown.core.errors import DiskError
from powerdown.disk.image.image_reader import MOST_BYTES, SECTOR_BYTES

_OEM_ID = b"NTFS    "
_BITLOCKER_ID = b"-FVE-FS-"
_VOLUME_RECORD = 3
"""$Volume is always record 3 of the MFT, whose first records are at its start."""
_RECORD_SIGNATURE = b"FILE"
_FIXUP_STRIDE = 512
_VOLUME_INFORMATION = 0x70
_END = 0xFFFFFFFF
_DIRTY = 0x0001


@dataclass(frozen=True)
class NtfsVolumeState:
    """The state of an NTFS volume, from ``$Volume``.

    :param dirty: flag 0x0001: Windows runs chkdsk at the next boot. A power cut may leave the flag
        clear; NTFS then recovers from its log.
    :param version: NTFS version, major and minor.
    :param flags: all volume flags.
    """

    dirty: bool
    version: tuple[int, int]
    flags: int


@dataclass(frozen=True)
class NtfsGeometry:
    """Offset of the record ``$Volume`` on its volume, and the size of a record, in bytes."""

    volume_record_at: int
    record_bytes: int


def is_ntfs(boot_sector: bytes) -> bool:
    """Whether this is the first sector of an NTFS volume."""
    return boot_sector[3:11] == _OEM_ID


def is_bitlocker(boot_sector: bytes) -> bool:
    """Whether this is the first sector of a BitLocker volume, whose NTFS cannot be read."""
    return boot_sector[3:11] == _BITLOCKER_ID


def parse_boot_sector(sector: bytes) -> NtfsGeometry:
    """The location of ``$Volume``, from the volume's first sector.

    :raise DiskError: this is not a valid NTFS boot sector.
    """
    if len(sector) < SECTOR_BYTES or not is_ntfs(sector):
        raise _damaged("no NTFS boot sector")
    sector_bytes, per_cluster = struct.unpack_from("<HB", sector, 0x0B)
    (mft_cluster,) = struct.unpack_from("<Q", sector, 0x30)
    (per_record,) = struct.unpack_from("<b", sector, 0x40)
    # Above 0x80 it is a negated exponent of two: clusters over 64 KiB.
    cluster_sectors = per_cluster if per_cluster <= 0x80 else 1 << (0x100 - per_cluster)
    cluster_bytes = sector_bytes * cluster_sectors
    # Negative: the record is smaller than a cluster, and this is the negated exponent of two.
    record_bytes = per_record * cluster_bytes if per_record > 0 else 1 << -per_record
    if not cluster_bytes or cluster_bytes % SECTOR_BYTES:
        raise _damaged(f"a cluster of {cluster_bytes} bytes")
    if record_bytes % _FIXUP_STRIDE or not 0 < record_bytes <= MOST_BYTES:
        raise _damaged(f"an MFT record of {record_bytes} bytes")
    at = mft_cluster * cluster_bytes + _VOLUME_RECORD * record_bytes
    return NtfsGeometry(at, record_bytes)


def parse_volume_record(record: bytes) -> NtfsVolumeState:
    """The volume's state, from MFT record 3.

    :raise DiskError: this is not a valid MFT record, or has no volume information.
    """
    record = _undo_fixups(record)
    for kind, attribute in _attributes(record):
        if kind == _VOLUME_INFORMATION:
            return _volume_information(attribute)
    raise _damaged("$Volume without volume information")


def _undo_fixups(record: bytes) -> bytes:
    """Restore the last two bytes of each 512, which on disk are replaced by a check value."""
    if len(record) < _FIXUP_STRIDE or not record.startswith(_RECORD_SIGNATURE):
        raise _damaged("no MFT record at the location of $Volume")
    at, count = struct.unpack_from("<HH", record, 4)
    if count != len(record) // _FIXUP_STRIDE + 1 or at + 2 * count > len(record):
        raise _damaged("an MFT record with a wrong update sequence")
    check, saved = record[at : at + 2], record[at + 2 : at + 2 * count]
    restored = bytearray(record)
    for index in range(count - 1):
        end = (index + 1) * _FIXUP_STRIDE
        if record[end - 2 : end] != check:
            raise _damaged("an MFT record that was only partly written")
        restored[end - 2 : end] = saved[2 * index : 2 * index + 2]
    return bytes(restored)


def _attributes(record: bytes) -> list[tuple[int, bytes]]:
    (at,) = struct.unpack_from("<H", record, 0x14)
    found: list[tuple[int, bytes]] = []
    while at + 8 <= len(record):
        kind, length = struct.unpack_from("<II", record, at)
        if kind == _END:
            return found
        if length < 0x18 or length % 8 or at + length > len(record):
            raise _damaged(f"an attribute of {length} bytes")
        found.append((kind, record[at : at + length]))
        at += length
    raise _damaged("an MFT record without an end marker")


def _volume_information(attribute: bytes) -> NtfsVolumeState:
    (length,) = struct.unpack_from("<I", attribute, 0x10)
    (at,) = struct.unpack_from("<H", attribute, 0x14)
    resident = attribute[8] == 0
    if not resident or length < 0x0C or at + length > len(attribute):
        raise _damaged("malformed volume information")
    major, minor, flags = struct.unpack_from("<8xBBH", attribute, at)
    return NtfsVolumeState(dirty=bool(flags & _DIRTY), version=(major, minor), flags=flags)


def _damaged(actual: str) -> DiskError:
    return DiskError(
        "read the NTFS volume", f"found {actual}", "Check the image; its file system is damaged."
    )
