"""A drawing surface with smooth shapes and crisp letters.

Shapes are drawn at three times the size and scaled down; letters are drawn last at their true
size, where FreeType's own smoothing is best. The font is the one inside Pillow (Aileron, a
subset), so that every host draws the same picture.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

_FINE = 3
_KNOWN = frozenset("…·°" + "".join(map(chr, range(0x20, 0x7F))))
"""What the font inside Pillow can draw, as far as it is used here."""

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
"""Frequent characters the font lacks, by code point."""


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """``colour`` with ``share`` (0 to 1) of ``other`` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def printable(text: str) -> str:
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
    return _font(size).getlength(printable(text))


def trimmed(text: str, size: int, width: float) -> str:
    """As much of ``text`` as fits into ``width`` pixels, with an ellipsis where it was cut."""
    whole = printable(text)
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
    words = printable(text).split()
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


class Canvas:
    """A picture being drawn; all measures in pixels of the result."""

    def __init__(self, width: int, height: int, background: Colour) -> None:
        self._size = (width, height)
        self._image = Image.new("RGB", (width * _FINE, height * _FINE), background)
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
        """A rectangle with round corners; its outline is one pixel wide."""
        right, bottom = max(right, left + 1 / _FINE), max(bottom, top + 1 / _FINE)
        self._draw.rounded_rectangle(
            [round(v * _FINE) for v in (left, top)]
            + [round(v * _FINE) - 1 for v in (right, bottom)],
            radius=round(min(radius, (right - left) / 2, (bottom - top) / 2) * _FINE),
            fill=fill,
            outline=outline,
            width=_FINE,
        )

    def fading_box(
        self, left: float, top: float, right: float, bottom: float, near: Colour, far: Colour
    ) -> None:
        """A rectangle whose colour goes from ``near`` on the left to ``far`` on the right."""
        first, last = round(left * _FINE), max(round(right * _FINE), round(left * _FINE) + 1)
        for x in range(first, last):
            colour = mixed(near, far, (x - first) / max(1, last - first - 1))
            self._draw.line([(x, round(top * _FINE)), (x, round(bottom * _FINE) - 1)], fill=colour)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: Colour, width: float = 1.0
    ) -> None:
        """A straight line."""
        ends = [(round(x1 * _FINE), round(y1 * _FINE)), (round(x2 * _FINE), round(y2 * _FINE))]
        self._draw.line(ends, fill=colour, width=max(1, round(width * _FINE)))

    def dashes(
        self, x1: float, y1: float, x2: float, y2: float, colour: Colour, width: float = 1.0
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
        corners = [(x - radius) * _FINE, (y - radius) * _FINE]
        corners += [(x + radius) * _FINE, (y + radius) * _FINE]
        self._draw.ellipse(corners, fill=fill)

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
        self._texts.append((x, y, printable(text), size, colour, anchor))

    def save(self, path: Path) -> Path:
        """Finish the picture and write it as PNG."""
        image = self._image.resize(self._size, Image.Resampling.BOX)
        draw = ImageDraw.Draw(image)
        for x, y, text, size, colour, anchor in self._texts:
            draw.text((x, y), text, colour, _font(size), anchor=anchor)
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, "PNG", optimize=True)
        return path
