"""What ``powerdown history --json`` prints is what its schema describes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import powerdown.report
from powerdown.disk.history.power_history import PowerHistory
from powerdown.report.history_json import history_to_json
from powerdown.windows.event_records import EventRecord
from tests.support.power_log import WORDS, history_of, log_of
from tests.support.schema_check import faults

SCHEMA = json.loads((Path(powerdown.report.__file__).parent / "history.schema.json").read_text())

EVERYTHING = (
    "12 20 27 6009 6005 1073 42 107 woke 506 507 10001 7043 1074 1075 cleared "
    "1074again 6006 109again 13 [60] 12 41code 6008 6005 1001"
)


def as_json(history: PowerHistory) -> Any:
    return json.loads(json.dumps(history_to_json("out/disk.qcow2", history, "1.2.3")))


def test_is_what_the_schema_describes() -> None:
    told = as_json(history_of(EVERYTHING))
    assert faults(told, SCHEMA) == []
    first = told["sessions"][0]
    assert all(first[part] for part in ("requests", "sleeps", "happenings"))
    assert first["end"]["asked"] in first["requests"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda it: it.update(schema_version=2),
        lambda it: it.update(extra=1),
        lambda it: it["sessions"][0]["end"].update(kind="fine"),
        lambda it: it["sessions"][0]["end"].pop("in_order"),
        lambda it: it["sessions"][0]["requests"][0].update(reason="0x-1"),
        lambda it: it["sessions"][0]["start"]["records"][0].pop("data"),
    ],
)
def test_the_schema_refuses_anything_else(spoil: Callable[[Any], object]) -> None:
    told = as_json(history_of(EVERYTHING))
    spoil(told)
    assert faults(told, SCHEMA)


DATA = st.dictionaries(
    st.sampled_from(
        ["param1", "param4", "param5", "BugcheckCode", "BootType", "TargetState", "AppName"]
    ),
    st.one_of(st.text(max_size=12), st.integers().map(str), st.integers().map(hex)),
)


@given(st.lists(st.tuples(st.sampled_from(sorted(WORDS)), st.none() | DATA), max_size=25))
def test_whatever_a_guest_recorded_fits_the_schema(
    written: list[tuple[str, dict[str, str] | None]],
) -> None:
    log = log_of(" ".join(word for word, _ in written))
    records = [
        EventRecord(
            r.record_id, r.provider, r.event_id, r.created, r.data if data is None else data
        )
        for r, (_, data) in zip(log, written, strict=True)
    ]
    assert faults(as_json(history_of(records)), SCHEMA) == []
