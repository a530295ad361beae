"""How seconds read and where they lie."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.report.time_axis import TimeAxis, brief_text, seconds_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0004, "<1 ms"),
        (0.004, "4.0 ms"),
        (0.0125, "12 ms"),
        (0.9996, "1.00 s"),
        (3.2, "3.20 s"),
        (12.34, "12.3 s"),
        (59.97, "1 min 00 s"),
        (65, "1 min 05 s"),
        (3599.7, "1 h 00 min"),
        (5400, "1 h 30 min"),
        (-0.2, "-200 ms"),
        (math.nan, "?"),
        (math.inf, "?"),
        (1e300, "1.0e+300 s"),
    ],
)
def test_lengths_of_time_read_well(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0"), (0.02, "20 ms"), (20, "20 s"), (2.5, "2.5 s"), (60, "1 min"), (90, "1 min 30 s")],
)
def test_round_times_read_briefly(seconds: float, text: str) -> None:
    assert brief_text(seconds) == text


@given(st.floats(min_value=1e-3, max_value=5e5))
def test_ticks_are_few_apart_and_named_differently(seconds: float) -> None:
    axis = TimeAxis(seconds, 250, 1150)
    ticks = axis.ticks()
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 10
    places = [axis.x(tick) for tick in ticks]
    assert all(b - a >= 95.9 for a, b in itertools.pairwise(places))
    assert places[-1] <= 1150
    assert len({brief_text(tick) for tick in ticks}) == len(ticks)


@given(st.floats(min_value=1e-3, max_value=1e300), st.floats(allow_nan=False))
def test_no_time_lies_off_the_axis(shown: float, seconds: float) -> None:
    assert 250 <= TimeAxis(shown, 250, 1150).x(seconds) <= 1150
