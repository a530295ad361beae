"""The screen as PNG, whichever form QEMU writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image as Picture

from harness.deadline import Deadline
from harness.errors import MachineError
from harness.machine.screen import save_screen


class ScreenMonitor:
    """A QEMU that writes PPM, and PNG if it is new enough; or nothing that is a picture."""

    def __init__(self, *, png: bool, picture: bool = True) -> None:
        self._png = png
        self._picture = picture

    def execute(self, command: str, arguments: Mapping[str, object], deadline: Deadline) -> object:
        assert command == "screendump"
        if "format" in arguments and not self._png:
            raise MachineError("run QMP command screendump", "Parameter 'format'", "")
        path = Path(str(arguments["filename"]))
        if self._picture:
            kind = str(arguments.get("format", "ppm"))
            Picture.new("RGB", (4, 2), "blue").save(path, format=kind)
        else:
            path.write_bytes(b"P6 9999999 9999999 255\n")
        return {}


@pytest.mark.parametrize("png", [True, False])
def test_the_screen_is_a_png_and_nothing_else_is_left(tmp_path: Path, png: bool) -> None:
    path = tmp_path / "screen.png"
    assert save_screen(ScreenMonitor(png=png), path, Deadline.after(1)) == path  # type: ignore[arg-type]
    with Picture.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (4, 2))
        assert picture.convert("RGB").getpixel((0, 0)) == (0, 0, 255)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("png", [True, False])
def test_no_picture(tmp_path: Path, png: bool) -> None:
    monitor = ScreenMonitor(png=png, picture=False)
    with pytest.raises(MachineError, match="no picture"):
        save_screen(monitor, tmp_path / "screen.png", Deadline.after(1))  # type: ignore[arg-type]
