"""Reading screens with tesseract, and what is made of what it says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from standin.framebuffer import MemoryFramebuffer
from standin.screen import Screen

from powerdown.core.deadline import now
from powerdown.machine import screen_text
from powerdown.machine.screen_text import printable_lines, read_screen

needs_tesseract = pytest.mark.skipif(
    shutil.which(screen_text.PROGRAM) is None, reason="tesseract is not installed"
)


def standin_screen(titles: list[str], size: tuple[int, int] = (1280, 800)) -> Picture.Image:
    """The stand-in's screen while applications hold up its shutdown."""
    frame = MemoryFramebuffer(*size)
    Screen(frame).blocking([(title, None) for title in titles])
    return Picture.frombytes("RGB", size, bytes(frame.pixels))


def fake_tesseract(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = directory / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


@needs_tesseract
@pytest.mark.parametrize("size", [(1280, 800), (1024, 768), (800, 600)])
def test_the_screen_that_names_a_blocking_program(size: tuple[int, int]) -> None:
    text = read_screen(standin_screen(["Untitled - document"], size)).text
    assert text is not None
    assert "shutting down" in text
    assert "Untitled - document" in text.splitlines()
    assert "This app is preventing shutdown." in text


@needs_tesseract
@pytest.mark.parametrize("colour", ["black", "white"])
def test_a_screen_without_text_is_read_as_empty(colour: str) -> None:
    assert read_screen(Picture.new("RGB", (640, 480), colour)).text == ""


def test_without_tesseract_it_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reading = read_screen(standin_screen([]))
    assert reading.text is None
    assert reading.why_not == "tesseract is not installed (Debian: tesseract-ocr)"


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tesseract(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(screen_text, "_SECONDS", 0.3)
    begun = now()
    reading = read_screen(standin_screen([]))
    assert reading.text is None
    assert "did not end within" in str(reading.why_not)
    assert now() - begun < 10


def test_one_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tesseract(tmp_path, monkeypatch, "cat > /dev/null; echo no data for eng >&2; exit 1")
    why_not = read_screen(standin_screen([])).why_not
    assert why_not == "tesseract ended with status 1, with: no data for eng"


def test_a_screen_too_large_to_enlarge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tesseract(tmp_path, monkeypatch, "exit 1")
    assert "8192 x 2048 pixels" in str(read_screen(Picture.new("L", (8192, 2048))).why_not)


def test_what_a_guest_shows_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = r"cat > /dev/null; printf '\033[31mred\007\f\n\n  a \t b\n'; yes 0123456789"
    fake_tesseract(tmp_path, monkeypatch, f"({script}) | head -c 100000")
    text = read_screen(standin_screen([])).text
    assert text is not None
    assert text.startswith("[31mred\na b\n0123456789\n")
    assert len(text) == 4000


@given(st.text())
def test_only_lines_of_printable_characters_are_left(text: str) -> None:
    cleaned = printable_lines(text, 50)
    assert len(cleaned) <= 50
    assert all(character.isprintable() or character == "\n" for character in cleaned)
    assert "\n\n" not in cleaned
