"""The picture of a confusion matrix: loud where a verdict was wrong and confident."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Verdict
from powerdown.report.confusion import Confusion
from powerdown.report.confusion_picture import draw_confusion
from tests.support.confusion_examples import DOUBT, RIGHT, WRONG, WRONG_LOW, attempt, record

LOUD = (190, 38, 44)


def drawn(confusion: Confusion, path: Path) -> Image.Image:
    draw_confusion(confusion, "title", path)
    with Image.open(path) as picture:
        picture.load()
        return picture


def of(*verdicts: Verdict) -> Confusion:
    stages = [attempt(one, one, at=float(index)) for index, one in enumerate(verdicts)]
    return Confusion.of([record(*stages)])


def loud_pixels(picture: Image.Image) -> int:
    found: Iterable[tuple[int, object]] = picture.getcolors(picture.width * picture.height) or ()
    return sum(count for count, colour in found if colour == LOUD)


@pytest.mark.parametrize("verdict", [RIGHT, DOUBT, WRONG_LOW])
def test_what_is_not_wrong_and_confident_is_quiet(verdict: Verdict, tmp_path: Path) -> None:
    quiet = loud_pixels(drawn(of(verdict), tmp_path / "quiet.png"))
    loud = loud_pixels(drawn(of(WRONG), tmp_path / "loud.png"))
    # The legend shows the loud colour once; a wrong cell and the head are far more.
    assert quiet < 1000
    assert loud > 5000


def test_it_is_as_wide_as_every_picture_and_grows_with_the_rows(tmp_path: Path) -> None:
    one = drawn(of(RIGHT), tmp_path / "one.png")
    stages = [
        replace(
            attempt(RIGHT, DOUBT, at=float(number)), expected=Expected(Outcome.STAYED_UP, cause)
        )
        for number, cause in enumerate(Cause)
    ]
    many = drawn(Confusion.of([record(*stages)]), tmp_path / "many.png")
    assert one.width == many.width == 1400
    assert many.height > one.height


def test_a_run_without_attempts_has_a_picture_too(tmp_path: Path) -> None:
    assert drawn(Confusion.of([]), tmp_path / "deep" / "none.png").height > 100


def test_names_of_any_kind_are_drawn(tmp_path: Path) -> None:
    strange = replace(record(attempt(WRONG)), scenario="\x00" * 300, variant="é→" * 300)
    assert drawn(Confusion.of([strange]), tmp_path / "strange.png").width == 1400


def test_it_is_the_same_for_the_same_run(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("a.png", "b.png"))
    drawn(of(RIGHT, WRONG), first)
    drawn(of(RIGHT, WRONG), second)
    assert first.read_bytes() == second.read_bytes()
