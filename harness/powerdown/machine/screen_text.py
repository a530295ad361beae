"""Text on the guest's screen, read with tesseract where it is installed.

The guest decides what it says: it is a hint for people, and evidence of low confidence.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Picture
from PIL import ImageOps

from powerdown.core.text import blanked

PROGRAM = "tesseract"

_SECONDS = 20.0
"""For one screen; 0.3 s on a quiet host."""

_MOST_CHARACTERS = 4000
"""About as many as a full screen of text has."""

_MOST_PIXELS = 4096 * 2304
"""Limit for the screen, whose resolution the guest chooses."""

_READABLE_PIXELS = 2400 * 1800
"""Screens are enlarged to about this size: tesseract works best with letters some 30 pixels high
(its documentation, "Improving the quality of the output"); on a screen they have 8 to 16."""

_LARGEST_FACTOR = 3


@dataclass(frozen=True)
class Reading:
    """The text read from a screen.

    :param text: lines of printable characters, none empty; ``None`` when it could not be read.
    :param why_not: why there is no text, as a clause.
    """

    text: str | None
    why_not: str | None = None


def read_screen(picture: Picture.Image) -> Reading:
    """Read the text on a screen; never raises, takes bounded time."""
    if shutil.which(PROGRAM) is None:
        return Reading(None, f"{PROGRAM} is not installed (Debian: tesseract-ocr)")
    width, height = picture.size
    if width * height > _MOST_PIXELS:
        return Reading(None, f"the screen has {width} x {height} pixels, more than are read")
    with tempfile.TemporaryDirectory(prefix="powerdown-read-") as directory:
        return _run_tesseract(_readable(picture), Path(directory))


def printable_lines(text: str, most_characters: int = _MOST_CHARACTERS) -> str:
    """Text fit for a report: lines of printable characters, none empty, cut to a length."""
    lines = (" ".join(blanked(line).split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)[:most_characters]


def _readable(picture: Picture.Image) -> bytes:
    """The picture as tesseract reads it best (dark on light, grey, enlarged), in PGM."""
    width, height = picture.size
    grey = picture.convert("L")
    if _is_light_on_dark(grey):
        grey = ImageOps.invert(grey)
    factor = min(_LARGEST_FACTOR, max(1, round((_READABLE_PIXELS / (width * height)) ** 0.5)))
    grey = grey.resize((width * factor, height * factor), Picture.Resampling.LANCZOS)
    data = io.BytesIO()
    grey.save(data, format="PPM")
    return data.getvalue()


def _is_light_on_dark(grey: Picture.Image) -> bool:
    histogram = grey.histogram()
    return sum(histogram[:128]) > sum(histogram[128:])


def _run_tesseract(picture: bytes, directory: Path) -> Reading:
    # Page segmentation 3 (automatic, the default): on a screen 6 (one block) reads letters into
    # icons, and 11 (sparse text) into empty areas.
    command = [PROGRAM, "stdin", "stdout", "-l", "eng", "--psm", "3"]
    try:
        result = subprocess.run(
            command,
            input=picture,
            capture_output=True,
            cwd=directory,
            # One thread: other guests need the host's CPUs.
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Reading(None, f"{PROGRAM} did not end within {_SECONDS:.0f} s")
    except OSError as error:
        return Reading(None, f"{PROGRAM} did not start: {error}")
    if result.returncode != 0:
        output = printable_lines(result.stderr.decode(errors="replace"), 300)
        return Reading(None, f"{PROGRAM} ended with status {result.returncode}, with: {output}")
    return Reading(printable_lines(result.stdout.decode(errors="replace")))
