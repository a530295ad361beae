"""The check that a file to be written is an overlay, not an image."""

from __future__ import annotations

import struct
from pathlib import Path

from powerdown.core.errors import DiskError
from powerdown.disk.image.image_reader import SECTOR_BYTES
from powerdown.disk.image.layer_header import read_start

_QCOW2 = struct.Struct(">4sIQIIQ")
"""Magic, version, offset and length of the backing file's name, cluster bits, size of the disk
in bytes (qemu:docs/interop/qcow2.txt)."""
_QCOW2_MAGIC = b"QFI\xfb"


def overlay_size(path: Path, action: str) -> int:
    """Size in bytes of an overlay's disk.

    :param action: what it is needed for, for messages, such as "destroy the boot sector of".
    :raise DiskError: the file has no backing file, so it may be an image.
    """
    try:
        header = read_start(path, _QCOW2.size)
    except DiskError as error:
        raise not_written(action, path, error.actual) from error
    if len(header) < _QCOW2.size:
        raise not_written(action, path, "it is not a qcow2 overlay")
    magic, _, backing_offset, backing_length, _, size = _QCOW2.unpack(header)
    if magic != _QCOW2_MAGIC:
        raise not_written(action, path, "it is not a qcow2 overlay")
    if backing_offset == 0 or backing_length == 0:
        raise not_written(action, path, "it has no backing file, so it is an image, not an overlay")
    if size < SECTOR_BYTES:
        raise not_written(action, path, f"its disk has {size} bytes")
    return int(size)


def not_written(action: str, path: Path, actual: str) -> DiskError:
    """The error for a file that was not written."""
    return DiskError(
        f"{action} {path}",
        actual,
        "Give the overlay of a guest that is off; images are never written.",
    )
