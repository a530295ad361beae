"""Looking at pictures: what is a change, what is dark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image as Picture
from PIL import ImageDraw

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.screen import take_screen
from powerdown.machine.screen_sample import ScreenSample, ScreenSampler

SIZES = [(720, 400), (640, 480), (1024, 768), (1920, 1080)]
BLUE = (0, 90, 158)


def screen(size: tuple[int, int] = (1024, 768), colour: tuple[int, int, int] = BLUE):  # type: ignore[no-untyped-def]
    picture = Picture.new("RGB", size, colour)
    return picture, ImageDraw.Draw(picture)


class Showing:
    """A monitor whose screendump is the picture it was given."""

    def __init__(self) -> None:
        self.picture: Picture.Image | None = None

    def execute(self, command: str, arguments: Mapping[str, object], deadline: Deadline) -> object:
        assert command == "screendump"
        path = Path(str(arguments["filename"]))
        if self.picture is None:
            path.write_bytes(b"P6 9999999 9999999 255\n")
        else:
            self.picture.save(path, format="PPM")
        return {}


class Viewer:
    def __init__(self) -> None:
        self._monitor = monitor = Showing()
        self._eye = ScreenSampler(
            lambda deadline: take_screen(monitor, deadline)  # type: ignore[arg-type]
        )

    def look(self, picture: Picture.Image | None) -> ScreenSample:
        self._monitor.picture = picture
        return self._eye.look(Deadline.after(1))


@pytest.fixture
def viewer() -> Viewer:
    return Viewer()


@pytest.mark.parametrize("size", SIZES)
def test_a_blinking_cursor_is_no_change(viewer: Viewer, size: tuple[int, int]) -> None:
    without, _ = screen(size)
    look = viewer.look(without)
    for at in ((0, 0), (100, 97), (size[0] // 2 - 3, size[1] // 2 + 5)):
        picture, draw = screen(size)
        draw.rectangle((*at, at[0] + 8, at[1] + 15), fill="white")
        assert viewer.look(picture).digest == look.digest


@pytest.mark.parametrize("size", SIZES)
def test_a_line_of_text_is_a_change(viewer: Viewer, size: tuple[int, int]) -> None:
    empty, _ = screen(size)
    look = viewer.look(empty)
    picture, draw = screen(size)
    draw.text((size[0] // 3, size[1] // 2), "Shutting down Windows", fill="white")
    assert viewer.look(picture).digest != look.digest


def test_small_steps_add_up_to_a_change(viewer: Viewer) -> None:
    picture, draw = screen()
    first = viewer.look(picture)
    digests = []
    for step in range(12):
        draw.rectangle((100 + 16 * step, 100, 115 + 16 * step, 115), fill="white")
        digests.append(viewer.look(picture).digest)
    assert digests[0] == first.digest
    assert digests[-1] != first.digest


def test_a_screen_that_comes_back_is_known_again(viewer: Viewer) -> None:
    desktop, _ = screen()
    black, _ = screen(colour=(0, 0, 0))
    digests = [viewer.look(picture).digest for picture in (desktop, black, desktop, black)]
    assert digests[:2] == digests[2:]
    assert digests[0] != digests[1]


def test_another_resolution_is_a_change(viewer: Viewer) -> None:
    assert viewer.look(screen((640, 480))[0]).digest != viewer.look(screen((800, 600))[0]).digest


@pytest.mark.parametrize("size", SIZES)
def test_black_with_a_pointer_on_it_is_dark(viewer: Viewer, size: tuple[int, int]) -> None:
    picture, draw = screen(size, (0, 0, 0))
    assert viewer.look(picture).dark
    draw.rectangle((size[0] // 2, size[1] // 2, size[0] // 2 + 11, size[1] // 2 + 18), fill="white")
    assert viewer.look(picture).dark


def test_the_black_of_limited_range_video_is_dark(viewer: Viewer) -> None:
    assert viewer.look(screen(colour=(16, 16, 16))[0]).dark


@pytest.mark.parametrize("size", SIZES)
def test_text_on_black_is_not_dark(viewer: Viewer, size: tuple[int, int]) -> None:
    picture, draw = screen(size, (0, 0, 0))
    draw.text((0, 0), "Booting from Hard Disk...", fill=(170, 170, 170))
    assert not viewer.look(picture).dark


def test_a_look_has_the_picture_it_was_taken_from(viewer: Viewer) -> None:
    picture = viewer.look(screen()[0]).picture
    assert picture is not None
    assert picture.getpixel((0, 0)) == BLUE


def test_what_is_no_picture(viewer: Viewer) -> None:
    with pytest.raises(MachineError, match="no picture"):
        viewer.look(None)
