"""The guest's screen as a picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image as Picture

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.qmp import Qmp

NO_PICTURE = (OSError, SyntaxError, ValueError, Picture.DecompressionBombError)
"""What Pillow raises for a file that is not a picture."""

TakeScreen = Callable[[Deadline], Picture.Image]
"""Takes a picture of the screen as it is now, in colour."""


def take_screen(qmp: Qmp, deadline: Deadline) -> Picture.Image:
    """The screen as it is now, in colour.

    Taken as PPM: encoding a PNG takes QEMU 20 to 40 ms, and QEMU before 7.1 cannot. Written to
    memory, which QEMU opens through this process's entry in proc(5): a disk under load would block
    QEMU, and the guest with it.

    :raise MachineError: QEMU has ended or wrote no picture.
    """
    try:
        with os.fdopen(os.memfd_create("screen"), "rb") as file:
            name = f"/proc/{os.getpid()}/fd/{file.fileno()}"
            qmp.execute("screendump", {"filename": name}, deadline)
            with Picture.open(file, formats=["PPM"]) as picture:
                picture.load()
                return picture
    except NO_PICTURE as error:
        raise MachineError(
            "take a screenshot", f"QEMU wrote no picture: {error}", "Check free space."
        ) from error


def save_picture(picture: Picture.Image, path: Path) -> Path:
    """Save a picture of the screen to ``path`` as PNG.

    :raise MachineError: it cannot be saved.
    """
    try:
        # Level 1: half the time.
        picture.save(path, format="PNG", compress_level=1)
    except OSError as error:
        raise MachineError(f"save the screen to {path}", str(error), "Check free space.") from error
    return path
