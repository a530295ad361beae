"""The picture of one shutdown, looked at pixel by pixel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from powerdown.core.outcome import Outcome
from powerdown.diagnosis.verdict import Verdict
from powerdown.report.timeline_picture import _DONE, _TONE, draw
from powerdown.shutdown.timeline import Mark, Phase, Step, Timeline
from tests.support.report_examples import (
    COMPLETED,
    COMPLETED_TIMELINE,
    IGNORED,
    IGNORED_TIMELINE,
    ORIGIN,
)


def _bars(path: Path, colour: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Left and right of every bar of this colour in the plot, from top to bottom."""
    with Image.open(path) as image:
        pixels = image.load()
        assert pixels is not None
        found: list[tuple[int, int]] = []
        above: tuple[int, int] | None = None
        for y in range(image.height):
            # Left of the plot are the numbers of the steps, in the same colour.
            columns = [x for x in range(240, image.width) if pixels[x, y] == colour]
            row = (columns[0], columns[-1]) if len(columns) >= 3 else None
            if row is not None and above is None:
                found.append(row)
            above = row
        return found


def test_same_arguments_give_the_same_file(tmp_path: Path) -> None:
    first = draw(COMPLETED_TIMELINE, COMPLETED, "control", tmp_path / "new" / "a.png")
    second = draw(COMPLETED_TIMELINE, COMPLETED, "control", tmp_path / "b.png")
    assert first == tmp_path / "new" / "a.png"
    assert first.read_bytes() == second.read_bytes()


def test_ten_milliseconds_beside_twenty_seconds_stay_visible(tmp_path: Path) -> None:
    path = draw(COMPLETED_TIMELINE, COMPLETED, "control", tmp_path / "a.png")
    bars = _bars(path, _DONE)
    assert len(bars) == 5
    command, acpi, applications, core, off = bars
    assert command[1] - command[0] >= 2
    assert acpi[1] - acpi[0] >= 2
    # 20.0 of at most 30 s on an axis of 898 pixels.
    assert applications[1] - applications[0] > 550
    assert applications[1] <= core[0] <= core[1] <= off[1] + 1


def test_the_step_without_end_has_the_colour_of_the_outcome(tmp_path: Path) -> None:
    path = draw(IGNORED_TIMELINE, IGNORED, "ignored", tmp_path / "a.png")
    assert len(_bars(path, _DONE)) == 1
    with Image.open(path) as image:
        fading = {image.getpixel((x, y)) for x in range(252, 258) for y in range(200, image.height)}
    assert _TONE[Outcome.STAYED_UP] in fading


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_own_colour(tmp_path: Path, outcome: Outcome) -> None:
    assert list(_TONE.values()).count(_TONE[outcome]) == 1
    path = draw(IGNORED_TIMELINE, replace(IGNORED, outcome=outcome), "", tmp_path / "a.png")
    with Image.open(path) as image:
        assert image.width == 1400
        assert image.getpixel((700, 3)) == _TONE[outcome]


@pytest.mark.parametrize(("budget", "drawn"), [(10.0, True), (70.0, True), (600.0, False)])
def test_a_budget_is_a_line_only_within_what_is_shown(
    tmp_path: Path, budget: float, drawn: bool
) -> None:
    timeline = replace(IGNORED_TIMELINE, soft_budget=budget, hard_budget=6000.0)
    path = draw(timeline, IGNORED, "", tmp_path / "a.png")
    line = (176, 112, 8)
    with Image.open(path) as image:
        tall = [
            x
            for x in range(252, image.width)
            if sum(image.getpixel((x, y)) == line for y in range(image.height)) > 60
        ]
    assert bool(tall) is drawn


def test_long_lists_make_the_picture_higher_up_to_a_limit(tmp_path: Path) -> None:
    def height(count: int) -> int:
        verdict = replace(IGNORED, evidence=IGNORED.evidence[:1] * count)
        with Image.open(draw(IGNORED_TIMELINE, verdict, "", tmp_path / "a.png")) as image:
            return image.height

    assert height(1) < height(8) < height(9) == height(500)


times = st.floats() | st.sampled_from(
    [ORIGIN, ORIGIN - 1, ORIGIN + 1e-9, ORIGIN + 9, 1.7e308, -1.7e308]
)
timelines = st.builds(
    Timeline,
    origin=times,
    end=times,
    phases=st.lists(
        st.builds(
            Phase,
            st.sampled_from(Step),
            times,
            st.none() | times,
            st.lists(st.text(max_size=40), max_size=2).map(tuple),
        ),
        max_size=5,
    ).map(tuple),
    marks=st.lists(st.builds(Mark, times, st.text(max_size=80)), max_size=9).map(tuple),
    soft_budget=times,
    hard_budget=times,
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(timelines, st.sampled_from([COMPLETED, IGNORED]), st.text(max_size=60))
def test_absurd_times_and_texts_are_drawn_all_the_same(
    tmp_path: Path, timeline: Timeline, verdict: Verdict, title: str
) -> None:
    with Image.open(draw(timeline, verdict, title, tmp_path / "a.png")) as image:
        assert image.width == 1400
        assert 500 < image.height < 1400
