"""The confusion matrix: what is judged how, counted, written and described by its schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import powerdown.report
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.judgement import Judgement, is_wrong_confident, judge
from powerdown.diagnosis.verdict import Verdict
from powerdown.report.confusion import (
    LABELS,
    Confusion,
    Tally,
    View,
    label,
)
from powerdown.report.document import ReportFormatError
from powerdown.report.scenario_record import ScenarioRecord, StageRecord
from tests.support.confusion_examples import DOUBT, HELD, RIGHT, WRONG, WRONG_LOW, attempt, record
from tests.support.report_examples import CONTROL, GATE, REMEDIED
from tests.support.report_strategies import records
from tests.support.schema_check import faults

SCHEMA = json.loads((Path(powerdown.report.__file__).parent / "confusion.schema.json").read_text())


@pytest.mark.parametrize(
    ("actual", "found", "judgement"),
    [
        (HELD, RIGHT, Judgement.RIGHT),
        (HELD, DOUBT, Judgement.INCONCLUSIVE),
        # No cause, but the outcome is right: honest.
        (HELD, replace(DOUBT, outcome=Outcome.STAYED_UP), Judgement.INCONCLUSIVE),
        (HELD, replace(DOUBT, outcome=Outcome.CRASHED), Judgement.WRONG),
        (HELD, WRONG, Judgement.WRONG),
        (HELD, replace(RIGHT, outcome=Outcome.SLOW_BUT_COMPLETED), Judgement.WRONG),
        (HELD, replace(WRONG, outcome=Outcome.COMPLETED, cause=Cause.NONE), Judgement.WRONG),
        (Expected(Outcome.INCONCLUSIVE, Cause.UNKNOWN), DOUBT, Judgement.RIGHT),
    ],
)
def test_a_verdict_is_right_honest_or_wrong(
    actual: Expected, found: Verdict, judgement: Judgement
) -> None:
    assert judge(actual, found) is judgement


@pytest.mark.parametrize(
    ("found", "worst"), [(RIGHT, False), (DOUBT, False), (WRONG, True), (WRONG_LOW, False)]
)
def test_wrong_is_worst_when_it_is_sure_of_itself(found: Verdict, worst: bool) -> None:
    assert is_wrong_confident(HELD, found) is worst
    confusion = Confusion.of([record(attempt(found))])
    assert bool(confusion.wrong_confident) is worst


def test_each_view_counts_its_own() -> None:
    confusion = Confusion.of(
        [
            record(attempt(RIGHT, DOUBT, at=1.0), attempt(RIGHT, WRONG, at=2.0)),
            record(attempt(DOUBT, WRONG_LOW, at=3.0, degraded=True), variant="agentless"),
        ]
    )
    assert confusion.views[View.FULL].tally == Tally(attempts=2, right=2)
    assert confusion.views[View.OUTSIDE].tally == Tally(3, 0, 1, 1, 1)
    assert confusion.views[View.DEGRADED].tally == Tally(attempts=1, inconclusive=1)
    ((view, entry),) = confusion.wrong_confident
    assert view is View.OUTSIDE
    assert str(entry) == (
        "unresponsive-app/refuses, press: actual stayed-up (unresponsive-app), "
        "predicted stayed-up (windows-update) (medium)"
    )


def test_rows_are_actual_and_columns_predicted() -> None:
    completed = replace(RIGHT, outcome=Outcome.COMPLETED, cause=Cause.NONE)
    good = replace(attempt(completed, at=4.0), expected=Expected(Outcome.COMPLETED, Cause.NONE))
    matrix = Confusion.of(
        [record(attempt(RIGHT, at=1.0), attempt(DOUBT, at=2.0), attempt(WRONG, at=3.0), good)]
    ).views[View.FULL]
    assert matrix.rows == ("completed", "unresponsive-app")
    assert matrix.columns == ("completed", "windows-update", "unresponsive-app", "unknown")
    assert matrix.cells == {
        ("completed", "completed"): Tally(1, right=1),
        ("unresponsive-app", "windows-update"): Tally(1, wrong_confident=1),
        ("unresponsive-app", "unresponsive-app"): Tally(1, right=1),
        ("unresponsive-app", "unknown"): Tally(1, inconclusive=1),
    }


def test_what_was_no_attempt_is_not_judged() -> None:
    facts_only = StageRecord("next boot", None, None)
    not_commanded = replace(attempt(WRONG), commanded_at=None)
    not_asserted = replace(attempt(WRONG), expected=None)
    confusion = Confusion.of([record(facts_only, not_commanded, not_asserted)])
    assert not any(matrix.entries for matrix in confusion.views.values())


def test_an_attempt_that_tests_share_counts_once() -> None:
    shared = attempt(RIGHT, DOUBT)
    confusion = Confusion.of([record(shared), record(shared, variant="another")])
    assert confusion.views[View.FULL].tally.attempts == 1
    other_guest = replace(record(shared), image="windows")
    assert Confusion.of([record(shared), other_guest]).views[View.FULL].tally.attempts == 2


def test_every_cause_has_its_place() -> None:
    names = {label(Expected(Outcome.STAYED_UP, cause)) for cause in Cause if cause != Cause.NONE}
    assert names <= set(LABELS)
    assert len(set(LABELS)) == len(LABELS)


def test_written_file_is_what_the_schema_describes(tmp_path: Path) -> None:
    path = Confusion.of(GATE.scenarios).write(tmp_path / "reports" / "confusion.json")
    written = json.loads(path.read_text())
    assert faults(written, SCHEMA) == []
    assert written["views"]["full"]["totals"] == asdict(Tally(attempts=1, right=1))
    assert written["views"]["outside"]["entries"][0]["variant"] == CONTROL.variant


def test_a_file_that_cannot_be_written_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(ReportFormatError, match="confusion matrix"):
        Confusion.of([]).write(tmp_path / "reports" / "confusion.json")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda it: it.update(schema_version=3),
        lambda it: it["views"].pop("outside"),
        lambda it: it["views"].update(inside={}),
        lambda it: it["views"]["full"]["totals"].update(right=-1),
        lambda it: it["views"]["full"]["matrix"][0].update(attempts=0),
        lambda it: it["views"]["full"]["entries"][0].update(judgement="fine"),
        lambda it: it["views"]["full"]["entries"][0]["actual"].update(outcome="off"),
    ],
)
def test_the_schema_refuses_anything_else(spoil: Callable[[dict[str, Any]], object]) -> None:
    value: dict[str, Any] = json.loads(json.dumps(Confusion.of([CONTROL, REMEDIED]).to_json()))
    assert faults(value, SCHEMA) == []
    spoil(value)
    assert faults(value, SCHEMA)


@given(st.lists(records, max_size=3))
def test_whatever_was_recorded_adds_up_and_fits_the_schema(these: list[ScenarioRecord]) -> None:
    confusion = Confusion.of(these)
    written = json.loads(json.dumps(confusion.to_json(), allow_nan=False))
    assert faults(written, SCHEMA) == []
    for matrix in confusion.views.values():
        tally = matrix.tally
        parts = (tally.right, tally.inconclusive, tally.wrong_confident, tally.wrong_low)
        assert sum(parts) == tally.attempts == len(matrix.entries)
        assert sum(cell.attempts for cell in matrix.cells.values()) == tally.attempts
        assert {row for row, _ in matrix.cells} == set(matrix.rows)
        assert {column for _, column in matrix.cells} <= set(matrix.columns)
