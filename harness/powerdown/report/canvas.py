"""A drawing surface with crisp edges, smooth curves and letters, and the page all pictures share.

Everything is aligned to whole pixels but circles and round corners: those are drawn large once,
scaled down and cached. Drawing the whole picture large takes six times as long. Letters are drawn
last, with FreeType's own smoothing. The font is the one inside Pillow (Aileron, a subset), so that
every host draws the same picture.
"""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

WIDTH = 1400
MARGIN = 44
RIGHT = WIDTH - MARGIN
PLOT_LEFT = 252
"""Measures of the page in pixels. Labels stand to the left of ``PLOT_LEFT``."""

PAPER: Colour = (255, 255, 255)
RULE: Colour = (221, 226, 232)
INK: Colour = (28, 35, 45)
SOFT_INK: Colour = (94, 105, 119)
FAINT_INK: Colour = (158, 167, 178)

_FINE = 8
"""How much larger curves are drawn before they are scaled down."""

_KNOWN = frozenset("…·°" + "".join(map(chr, range(0x20, 0x7F))))
"""Characters that the font inside Pillow can draw."""

_NEAREST = {
    **dict.fromkeys(range(0x2010, 0x2016), "-"),  # hyphens and dashes
    **dict.fromkeys(range(0x2018, 0x201C), "'"),
    **dict.fromkeys(range(0x201C, 0x2020), '"'),
    0x2190: "<-",
    0x2192: "->",
    0x2212: "-",
    0x00D7: "x",
    0x00DF: "ss",
}
"""Replacements of frequent characters that the font lacks, by code point."""


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """``colour`` with ``share`` (0 to 1) of ``other`` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def drawable(text: str) -> str:
    """``text`` on one line, in the letters the font has: accents dropped, the rest as ``?``.

    Text from a guest may hold anything; it must not break the picture.
    """
    flat = " ".join(text[:4000].split()).translate(_NEAREST)
    drawn = []
    for letter in flat:
        if letter in _KNOWN:
            drawn.append(letter)
            continue
        plain = "".join(c for c in unicodedata.normalize("NFKD", letter) if c in _KNOWN)
        drawn.append(plain or "?")
    return "".join(drawn)


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return font


def text_width(text: str, size: int) -> float:
    """How many pixels ``text`` takes."""
    return _font(size).getlength(drawable(text))


def trimmed(text: str, size: int, width: float) -> str:
    """As much of ``text`` as fits into ``width`` pixels, with an ellipsis where it was cut."""
    whole = drawable(text)
    if text_width(whole, size) <= width:
        return whole
    low, high = 0, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(whole[:middle].rstrip() + "…", size) <= width:
            low = middle
        else:
            high = middle - 1
    return whole[:low].rstrip() + "…" if low else ""


def wrapped(text: str, size: int, width: float, lines: int) -> list[str]:
    """``text`` broken at spaces into at most ``lines`` lines; the last is trimmed."""
    words = drawable(text).split()
    broken: list[str] = []
    while words and len(broken) < lines - 1:
        count = 1
        while count < len(words) and text_width(" ".join(words[: count + 1]), size) <= width:
            count += 1
        broken.append(trimmed(" ".join(words[:count]), size, width))
        words = words[count:]
    if words:
        broken.append(trimmed(" ".join(words), size, width))
    return broken


@lru_cache(maxsize=32)
def _disc(radius: float) -> Image.Image:
    """How much of each pixel a circle around the middle of the picture covers, as its grey."""
    side = 2 * math.ceil(radius) + 1
    fine = Image.new("L", (side * _FINE, side * _FINE), 0)
    near = (side / 2 - radius) * _FINE
    far = side * _FINE - near - 1
    ImageDraw.Draw(fine).ellipse([near, near, far, far], 255)
    return fine.reduce(_FINE)


class Canvas:
    """A picture being drawn; all measures in pixels of the result, rounded to whole ones."""

    def __init__(self, width: int, height: int, background: Colour) -> None:
        self._image = Image.new("RGB", (width, height), background)
        self._draw = ImageDraw.Draw(self._image)
        self._texts: list[tuple[float, float, str, int, Colour, str]] = []

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        fill: Colour | None = None,
        radius: float = 0.0,
        outline: Colour | None = None,
    ) -> None:
        """A rectangle; with an outline one pixel wide, or with round corners."""
        x1, y1 = round(left), round(top)
        x2, y2 = max(round(right) - 1, x1), max(round(bottom) - 1, y1)
        round_off = min(round(radius), (x2 - x1) // 2, (y2 - y1) // 2)
        if round_off < 1 or fill is None:
            self._draw.rectangle([x1, y1, x2, y2], fill, outline)
            return
        self._draw.rectangle([x1 + round_off, y1, x2 - round_off, y2], fill)
        self._draw.rectangle([x1, y1 + round_off, x2, y2 - round_off], fill)
        disc, first = _disc(round_off), round_off + 1
        for x, column in ((x1, 0), (x2 - round_off, round_off)):
            for y, row in ((y1, 0), (y2 - round_off, round_off)):
                quarter = disc.crop((column, row, column + first, row + first))
                self._image.paste(fill, (x, y), quarter)

    def fading_box(
        self, left: float, top: float, right: float, bottom: float, near: Colour, far: Colour
    ) -> None:
        """A rectangle whose colour goes from ``near`` on the left to ``far`` on the right."""
        first, last = round(left), max(round(right), round(left) + 1)
        for x in range(first, last):
            colour = mixed(near, far, (x - first) / max(1, last - first - 1))
            self._draw.line([(x, round(top)), (x, round(bottom) - 1)], fill=colour)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: Colour, width: int = 1
    ) -> None:
        """A straight line, level or upright."""
        ends = [(round(x1), round(y1)), (round(x2), round(y2))]
        self._draw.line(ends, fill=colour, width=width)

    def dashes(
        self, x1: float, y1: float, x2: float, y2: float, colour: Colour, width: int = 1
    ) -> None:
        """A level or upright broken line."""
        length = max(abs(x2 - x1), abs(y2 - y1))
        right, down = (1, 0) if abs(x2 - x1) >= abs(y2 - y1) else (0, 1)
        done = 0.0
        while done < length:
            until = min(done + 5, length)
            self.line(
                x1 + right * done,
                y1 + down * done,
                x1 + right * until,
                y1 + down * until,
                colour,
                width,
            )
            done += 9

    def dot(self, x: float, y: float, radius: float, fill: Colour) -> None:
        """A filled circle."""
        disc = _disc(radius)
        corner = (round(x) - disc.width // 2, round(y) - disc.height // 2)
        self._image.paste(fill, corner, disc)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: int,
        colour: Colour,
        anchor: str = "ls",
    ) -> None:
        """A line of text.

        :param anchor: Pillow's text anchor; ``ls`` puts the left end of the baseline at x, y.
        """
        self._texts.append((x, y, drawable(text), size, colour, anchor))

    def save(self, path: Path) -> Path:
        """Finish the picture and write it as PNG."""
        for x, y, text, size, colour, anchor in self._texts:
            self._draw.text((x, y), text, colour, _font(size), anchor=anchor)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Level 1: a third of the time for a fifth more bytes.
        self._image.save(path, "PNG", compress_level=1)
        return path
