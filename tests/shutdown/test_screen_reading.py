"""Screens are read once each, by threads of their own."""

from __future__ import annotations

import threading

import pytest
from PIL import Image as Picture

from powerdown.machine.screen_sample import ScreenSample
from powerdown.machine.screen_text import Reading
from powerdown.shutdown import screen_reading
from powerdown.shutdown.screen_reading import ScreenReading

PATIENCE = 10.0


def look(digest: str) -> ScreenSample:
    picture = Picture.new("L", (1, 1))
    picture.info["digest"] = digest
    return ScreenSample(0.0, digest, False, picture)


class Reader:
    """Reads only once it may, and notes what."""

    def __init__(self) -> None:
        self.may_read = threading.Event()
        self.read: list[str] = []
        self.threads: set[str] = set()

    def __call__(self, picture: Picture.Image) -> Reading:
        assert self.may_read.wait(PATIENCE)
        self.read.append(picture.info["digest"])
        self.threads.add(threading.current_thread().name)
        return Reading(f"text of {picture.info['digest']}")


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    reader = Reader()
    monkeypatch.setattr(screen_reading, "read_screen", reader)
    return reader


def test_what_was_begun_is_not_waited_for_until_it_is_needed(reader: Reader) -> None:
    reading = ScreenReading()
    reading.begin(look("a"))
    assert reader.read == []
    reader.may_read.set()
    assert reading.read(look("a")).text == "text of a"
    assert reader.threads == {"screen-text"}


def test_a_screen_is_read_once(reader: Reader) -> None:
    reader.may_read.set()
    reading = ScreenReading()
    for digest in "abab":
        assert reading.read(look(digest)).text == f"text of {digest}"
    assert reader.read == ["a", "b"]


def test_of_screens_that_change_all_the_time_not_all_are_read_ahead(reader: Reader) -> None:
    reader.may_read.set()
    reading = ScreenReading()
    for number in range(100):
        reading.begin(look(str(number)))
    assert reading.read(look("0")).text == "text of 0"
    assert reader.read == ["0"]


def test_no_screen_is_no_text(reader: Reader) -> None:
    reading = ScreenReading()
    reading.begin(None)
    assert reading.read(None) == Reading(None, None)


def test_a_reading_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(picture: Picture.Image) -> Reading:
        raise MemoryError

    monkeypatch.setattr(screen_reading, "read_screen", fail)
    assert ScreenReading().read(look("a")) == Reading(None, "MemoryError")


def test_a_dark_screen_needs_no_reading(reader: Reader) -> None:
    reading, dark = ScreenReading(), ScreenSample(0.0, "dark", True, Picture.new("L", (1, 1)))
    reading.begin(dark)
    assert reading.read(dark).text == reading.read_so_far(dark).text == ""
    reading.begin(look("a"))
    reader.may_read.set()
    assert reading.read(look("a")).text == "text of a"
    assert reader.read == ["a"]
