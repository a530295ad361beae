"""The guest's screen as a PNG file."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Picture

from harness.deadline import Deadline
from harness.errors import MachineError
from harness.machine.monitor import Monitor

NO_PICTURE = (OSError, SyntaxError, ValueError, Picture.DecompressionBombError)
"""What Pillow raises for a file that is no picture."""


def save_screen(monitor: Monitor, path: Path, deadline: Deadline) -> Path:
    """Save the screen to ``path`` as PNG.

    :raise MachineError: QEMU is gone or wrote no picture.
    """
    path = path.absolute()
    try:
        monitor.execute("screendump", {"filename": str(path), "format": "png"}, deadline)
    except MachineError:
        # QEMU before 7.1, or built without libpng, knows only PPM.
        _save_through_ppm(monitor, path, deadline)
    try:
        with Picture.open(path, formats=["PNG"]) as picture:
            picture.verify()
    except NO_PICTURE as error:
        raise _no_picture(path, error) from error
    return path


def _save_through_ppm(monitor: Monitor, path: Path, deadline: Deadline) -> None:
    ppm = path.with_suffix(".ppm")
    try:
        monitor.execute("screendump", {"filename": str(ppm)}, deadline)
        with Picture.open(ppm, formats=["PPM"]) as picture:
            picture.save(path, format="PNG")
    except NO_PICTURE as error:
        raise _no_picture(ppm, error) from error
    finally:
        ppm.unlink(missing_ok=True)


def _no_picture(path: Path, error: Exception) -> MachineError:
    return MachineError(
        f"save the screen to {path}", f"QEMU wrote no picture: {error}", "Check free space."
    )
