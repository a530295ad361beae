"""Copy-on-write overlays, so that a guest never writes to the image."""

from __future__ import annotations

from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.images.image import Disk
from powerdown.images.qemu_tool import qemu_img

_SECONDS = 30.0
"""For qemu-img, which writes a few hundred KiB."""


def create_overlay(disk: Disk, directory: Path) -> Path:
    """Create a qcow2 overlay of a disk in ``directory``.

    :raise DiskError: the disk has another format than defined, or there is an overlay already.
    :raise HostError: qemu-img is not installed.
    """
    overlay = directory.absolute() / "overlay.qcow2"
    # qemu-img would silently overwrite it, and what a guest has written to it.
    if overlay.exists():
        raise DiskError(
            f"create overlay {overlay}",
            "it exists already",
            "Use another directory for this guest.",
        )
    arguments = ["create", "-q", "-f", "qcow2", "-b", str(disk.path), "-F", disk.format]
    qemu_img([*arguments, str(overlay)], Deadline.after(_SECONDS))
    return overlay
