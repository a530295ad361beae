"""Placement of a timeline's mark labels such that none overlaps another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_GAP = 14.0
_SAME_POSITION = 3.0


@dataclass(frozen=True)
class MarkLabel:
    """One mark to be labelled: a leader upwards at ``x``, its text to the right of it.

    :param x: pixel of the moment.
    :param label: a few words.
    :param time: the moment in words.
    :param width: pixels that the text takes.
    """

    x: float
    label: str
    time: str
    width: float


@dataclass(frozen=True)
class PlacedLabel:
    """A label in its row.

    :param row: 0 is next to the lanes, higher rows are further up; ``None`` when no row was free.
    """

    mark: MarkLabel
    row: int | None


def merged(marks: Sequence[MarkLabel]) -> list[MarkLabel]:
    """Marks from left to right; of equal labels at nearly the same position, the first is kept."""
    kept: list[MarkLabel] = []
    for mark in sorted(marks, key=lambda mark: mark.x):
        if not any(k.label == mark.label and mark.x - k.x <= _SAME_POSITION for k in kept):
            kept.append(mark)
    return kept


def place_labels(marks: Sequence[MarkLabel], rows: int) -> list[PlacedLabel]:
    """Give each mark a row such that no text overlaps another text or another mark's leader.

    From right to left: a label must be above every label that begins below its text, because
    the leaders of those go down from their own rows and so pass under it.
    """
    placed: list[PlacedLabel] = []
    for mark in sorted(marks, key=lambda mark: mark.x, reverse=True):
        below = [
            other.row
            for other in placed
            if other.row is not None and other.mark.x <= mark.x + mark.width + _GAP
        ]
        row = max(below, default=-1) + 1
        placed.append(PlacedLabel(mark, row if row < rows else None))
    return placed[::-1]
