"""The screen as a picture, as QEMU writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image as Picture

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.screen import save_picture, take_screen


class ScreenMonitor:
    """A QEMU that writes PPM, or nothing that is a picture."""

    def __init__(self, *, picture: bool = True) -> None:
        self._picture = picture

    def execute(self, command: str, arguments: Mapping[str, object], deadline: Deadline) -> object:
        assert command == "screendump"
        # Every QEMU knows PPM.
        assert set(arguments) == {"filename"}
        path = Path(str(arguments["filename"]))
        assert path.is_absolute()
        if self._picture:
            Picture.new("RGB", (4, 2), "blue").save(path, format="PPM")
        else:
            path.write_bytes(b"P6 9999999 9999999 255\n")
        return {}


def take(monitor: ScreenMonitor) -> Picture.Image:
    return take_screen(monitor, Deadline.after(1))  # type: ignore[arg-type]


def test_the_screen_is_a_png_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "screen.png"
    assert save_picture(take(ScreenMonitor()), path) == path
    with Picture.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (4, 2))
        assert picture.convert("RGB").getpixel((0, 0)) == (0, 0, 255)
    assert list(tmp_path.iterdir()) == [path]


def test_a_picture_outlives_its_file() -> None:
    picture = take(ScreenMonitor())
    assert picture.getpixel((3, 1)) == (0, 0, 255)


def test_no_picture(tmp_path: Path) -> None:
    monitor = ScreenMonitor(picture=False)
    with pytest.raises(MachineError, match="no picture"):
        take(monitor)
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_it(tmp_path: Path) -> None:
    path = tmp_path / "screen.png"
    path.mkdir()
    with pytest.raises(MachineError, match="save the screen"):
        save_picture(take(ScreenMonitor()), path)
