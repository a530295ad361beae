"""The state of the system volume of a disk image."""

from __future__ import annotations

from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.disk.image.image_reader import SECTOR_BYTES, ImageReader
from powerdown.disk.image.partitions import Partition, find_partitions
from powerdown.disk.ntfs.ntfs import (
    NtfsVolumeState,
    is_bitlocker,
    is_ntfs,
    parse_boot_sector,
    parse_volume_record,
)
from powerdown.images.image import DiskFormat

_SECONDS = 30.0
"""For about five reads of tens of milliseconds each."""

__all__ = ["NtfsVolumeState", "volume_state"]


def volume_state(disk: Path, format: DiskFormat = DiskFormat.QCOW2) -> NtfsVolumeState:
    """Read the state of the system volume.

    Windows disks have several NTFS volumes; the largest is taken as the system volume.

    :param disk: the image, or the newest overlay on it; its guest must be off or paused.
    :param format: its format.
    :raise DiskError: there is no NTFS volume, or it is damaged.
    :raise HostError: qemu-img is not installed.
    :raise DeadlineExpired: reading took too long.
    """
    reader = ImageReader(disk, format, Deadline.after(_SECONDS))
    begin, boot_sector = _system_volume(reader, disk)
    geometry = parse_boot_sector(boot_sector)
    record = reader.read(begin + geometry.volume_record_at, geometry.record_bytes)
    return parse_volume_record(record)


def _system_volume(reader: ImageReader, disk: Path) -> tuple[int, bytes]:
    """Offset of the system volume, and its first sector."""
    first = reader.read(0, SECTOR_BYTES)
    if is_ntfs(first):
        # A volume without a partition table.
        return 0, first
    encrypted = False
    for partition in sorted(find_partitions(reader.read), key=_length, reverse=True):
        sector = reader.read(partition.offset, SECTOR_BYTES)
        if is_ntfs(sector):
            return partition.offset, sector
        encrypted |= is_bitlocker(sector)
    raise DiskError(
        f"find an NTFS volume on {disk}",
        "there are only BitLocker volumes" if encrypted else "no partition contains one",
        "Suspend BitLocker in the image." if encrypted else "Check the image and its format.",
    )


def _length(partition: Partition) -> int:
    return partition.length
