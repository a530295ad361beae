"""Damage to the disk of a guest that is off, as malware or a failed tool causes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.disk.image.image_reader import SECTOR_BYTES, ImageReader
from powerdown.disk.image.overlay_check import not_written, overlay_size
from powerdown.images.image import DiskFormat
from powerdown.images.qemu_tool import run_tool

_PROGRAM = "qemu-io"
_SECONDS = 30.0
"""For writing a few KiB."""

_TABLE_SECTORS = 33
"""A GUID partition table's header and 128 entries (UEFI specification 2.10, 5.3)."""

_ACTION = "destroy the boot sector of"


def destroy_boot_sector(overlay: Path) -> None:
    """Overwrite the boot sector and both copies of a partition table with zeros.

    Firmware then finds nothing to boot: a BIOS no boot signature, UEFI no partition.

    :param overlay: newest overlay of a guest that is off. The image under it is not changed.
    :raise DiskError: it is not an overlay, a guest has it open, or it cannot be written.
    :raise HostError: qemu-io is not installed.
    :raise DeadlineExpired: it took too long.
    """
    overlay = overlay.absolute()
    deadline = Deadline.after(_SECONDS)
    ranges = _boot_structures(overlay_size(overlay, _ACTION))
    _write_zeros(overlay, ranges, deadline)
    reader = ImageReader(overlay, DiskFormat.QCOW2, deadline)
    for part in ranges:
        if any(reader.read(part.offset, part.length)):
            raise _refused(overlay, f"its {part.length} bytes at {part.offset} did not change")


@dataclass(frozen=True)
class _Range:
    """Part of a disk, in bytes."""

    offset: int
    length: int


def _boot_structures(disk_bytes: int) -> tuple[_Range, ...]:
    """The ranges of a boot sector and of a GUID partition table with its backup."""
    first = (1 + _TABLE_SECTORS) * SECTOR_BYTES
    last = _TABLE_SECTORS * SECTOR_BYTES
    end = disk_bytes - disk_bytes % SECTOR_BYTES
    if end < first + last:
        return (_Range(0, end),)
    return _Range(0, first), _Range(end - last, last)


def _write_zeros(overlay: Path, ranges: tuple[_Range, ...], deadline: Deadline) -> None:
    commands = [f"write -z {part.offset} {part.length}" for part in ranges]
    arguments = [word for command in commands for word in ("-c", command)]
    command = [_PROGRAM, "-f", DiskFormat.QCOW2, *arguments, str(overlay)]
    result = run_tool(command, _PROGRAM, deadline)
    if result.returncode != 0:
        output = (result.stdout + result.stderr).decode(errors="replace").strip()[-500:]
        raise _refused(overlay, output or f"{_PROGRAM} ended with status {result.returncode}")


def _refused(path: Path, actual: str) -> DiskError:
    return not_written(_ACTION, path, actual)
