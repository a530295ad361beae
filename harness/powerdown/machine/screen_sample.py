"""Samples of the screen: whether it changed and whether it is black.

The picture is reduced to grey cells about the size of a letter, 16 x 16 pixels. A sample that
differs from an earlier one in no more than six cells (a blinking cursor, a minute of the clock)
counts as the same and gets its digest. More than that (a line of text, a dialog, a spinner) is a
change.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field

from PIL import Image as Picture
from PIL import ImageChops

from powerdown.core.deadline import Deadline, now
from powerdown.machine.screen import TakeScreen

_CELL_PIXELS = 16

_SMALL = 6
"""How many cells a cursor or a digit of a clock touches: two wide, three high."""

_SAME_GREY = 2
"""Cells whose grey differs by no more are equal."""

_BLACK = 24
"""The lightest grey of 255 that counts as black; the black of limited-range video is 16."""

_REMEMBERED = 16
"""How many different screens are remembered, so that one that returns is recognised."""

_DIGEST_CHARACTERS = 16


@dataclass(frozen=True)
class ScreenSample:
    """The screen at one moment.

    :param at: seconds on the host-monotonic clock, taken after the picture.
    :param digest: equal for samples of one machine that differ by no more than a cursor or a
        clock; it has no other meaning.
    :param dark: black except for a pointer or a cursor: switched off, asleep, or not drawn to.
    :param picture: the picture; ``None`` once it is no longer needed.
    """

    at: float
    digest: str
    dark: bool
    picture: Picture.Image | None = field(default=None, compare=False, repr=False)


class ScreenSampler:
    """Samples the screen of one machine and recognises screens that return.

    :param take: takes a picture of the screen.
    """

    def __init__(self, take: TakeScreen) -> None:
        self._take = take
        self._seen: deque[_Seen] = deque(maxlen=_REMEMBERED)

    def look(self, deadline: Deadline) -> ScreenSample:
        """Take a sample, in any run state.

        :raise MachineError: QEMU has ended or wrote no picture.
        """
        picture = self._take(deadline)
        at = now()
        grey = picture.convert("L")
        cells = grey.reduce(_CELL_PIXELS)
        return ScreenSample(at, self._digest(grey.size, cells), is_dark(grey, cells), picture)

    def _digest(self, size: tuple[int, int], cells: Picture.Image) -> str:
        new = _Seen(size, cells)
        for seen in reversed(self._seen):
            if seen.looks_like(new):
                return seen.digest()
        self._seen.append(new)
        return new.digest()


def is_dark(grey: Picture.Image, cells: Picture.Image) -> bool:
    """Whether a grey picture is black except for a few cells.

    :param cells: the picture reduced to cells.
    """
    if _cells_above(cells, _BLACK) > _SMALL:
        # The usual case, decided quickly: a cell whose mean is above it has a pixel above it.
        return False
    lit = grey.point([0 if level <= _BLACK else 255 for level in range(256)])
    return _cells_above(lit.reduce(_CELL_PIXELS), 0) <= _SMALL


@dataclass(frozen=True)
class _Seen:
    """A screen reduced to cells, and its resolution: screens of different size are different."""

    size: tuple[int, int]
    cells: Picture.Image

    def looks_like(self, other: _Seen) -> bool:
        if self.size != other.size:
            return False
        return _cells_above(ImageChops.difference(self.cells, other.cells), _SAME_GREY) <= _SMALL

    def digest(self) -> str:
        content = f"{self.size}".encode() + self.cells.tobytes()
        return hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]


def _cells_above(cells: Picture.Image, grey: int) -> int:
    """How many cells are lighter than ``grey``."""
    return sum(cells.histogram()[grey + 1 :])
