"""Durations as text, and the time axis of a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MINUTE, _HOUR = 60.0, 3600.0
_BEYOND_COUNTING = 1e8
_STEPS = (
    *(m * 10.0**e for e in range(-6, 1) for m in (1, 2, 5)),
    *(10.0, 15.0, 30.0),
    *(m * _MINUTE for m in (1, 2, 5, 10, 15, 30)),
    *(h * _HOUR for h in (1, 2, 3, 6, 12, 24)),
)
"""Round distances between ticks, in seconds."""


def seconds_text(seconds: float) -> str:
    """A duration as people write it: ``12 ms``, ``3.20 s``, ``1 min 05 s``."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 0:
        return f"-{seconds_text(-seconds)}"
    if seconds == 0:
        return "0 s"
    if seconds >= _BEYOND_COUNTING:
        return f"{seconds:.1e} s"
    if seconds < 0.0095:
        return "<1 ms" if seconds < 0.00095 else f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def brief_text(seconds: float) -> str:
    """A duration without decimals and parts that are zero, for budgets and ticks."""
    if seconds < 0 or seconds >= _BEYOND_COUNTING or not math.isfinite(seconds):
        return seconds_text(seconds)
    if seconds < 1:
        return f"{seconds * 1000:g} ms" if seconds else "0"
    if seconds < _MINUTE:
        return f"{round(seconds, 1):g} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{value} {unit}" for value, unit in parts if value)


@dataclass(frozen=True)
class TimeAxis:
    """Maps seconds since the command to pixels, evenly.

    :param seconds: what the right end stands for; more than zero.
    :param left: pixel of the command.
    :param right: pixel of the right end.
    """

    seconds: float
    left: float
    right: float

    def x(self, seconds: float) -> float:
        """The pixel of a time; times outside are put on the nearer end."""
        share = min(1.0, max(0.0, seconds / self.seconds))
        return self.left + share * (self.right - self.left)

    def ticks(self, apart: float = 96.0) -> list[float]:
        """Round times from zero on, at least ``apart`` pixels from each other."""
        least = self.seconds * apart / max(1.0, self.right - self.left)
        step = next((step for step in _STEPS if step >= least), None)
        if step is None:
            days = 24 * _HOUR
            step = days * 10 ** math.ceil(math.log10(least / days))
        count = math.floor(self.seconds / step + 1e-9)
        return [index * step for index in range(count + 1)]
