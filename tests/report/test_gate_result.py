"""``gate.json``: written, read back, described by its schema."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from execnet import dumps, loads
from hypothesis import given
from hypothesis import strategies as st

import powerdown.report
from powerdown.core.errors import PowerdownError
from powerdown.core.outcome import Cause
from powerdown.diagnosis.verdict import Evidence, Source
from powerdown.report.document import ReportFormatError
from powerdown.report.gate_result import GateResult, HostFacts
from powerdown.report.scenario_record import ScenarioRecord, StageRecord, Status, phase_seconds
from powerdown.shutdown.timeline import Step
from tests.support.report_examples import (
    COMPLETED,
    CONTROL,
    GATE,
    IGNORED,
    IGNORED_TIMELINE,
    REMEDIED,
)
from tests.support.report_strategies import records, texts
from tests.support.schema_check import faults

SCHEMA = json.loads((Path(powerdown.report.__file__).parent / "gate.schema.json").read_text())
# A definition of the schema with the others still in reach of its references.
SCENARIO_SCHEMA = {"$ref": "#/$defs/ScenarioJson", "$defs": SCHEMA["$defs"]}


def _written(tmp_path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(GATE.write(tmp_path / "reports" / "gate.json").read_text())
    return loaded


def test_written_file_is_what_the_schema_describes(tmp_path: Path) -> None:
    assert faults(_written(tmp_path), SCHEMA) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda gate: gate.update(schema_version=1),
        lambda gate: gate.update(created="yesterday"),
        lambda gate: gate.pop("totals"),
        lambda gate: gate["host"].update(hostname="secret"),
        lambda gate: gate["totals"].update(passed=-1),
        lambda gate: gate["scenarios"][0].update(status="fine"),
        lambda gate: gate["scenarios"][0]["stages"][0]["diagnosed"].update(outcome="off"),
        lambda gate: gate["scenarios"][0]["stages"][0].pop("diagnosed_outside"),
        lambda gate: gate["scenarios"][0]["stages"][0].update(diagnosed_outside={}),
        lambda gate: gate["scenarios"][0]["stages"][0]["phases"].pop("acpi"),
        lambda gate: gate["scenarios"][0]["stages"][0]["facts"].update(deep={"a": 1}),
        lambda gate: gate["scenarios"][0]["stages"][0].update(guest_seconds="1"),
        lambda gate: gate["scenarios"][0]["stages"][0].update(degraded=1),
        lambda gate: gate["scenarios"][0]["stages"][0].update(verdict_delay="0.01"),
        lambda gate: gate["images"][0].update(digest_before=12),
    ],
)
def test_schema_and_reader_refuse_the_same_faults(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], object]
) -> None:
    gate = _written(tmp_path)
    spoil(gate)
    assert faults(gate, SCHEMA)
    with pytest.raises(ReportFormatError):
        GateResult.from_json(gate)


def test_names_that_grow_with_every_scenario_stay_open() -> None:
    definitions = SCHEMA["$defs"]
    for name in [*Cause, "a-cause-of-tomorrow"]:
        assert faults(str(name), definitions["Cause"]) == []
    for name in [*Source, "a-source-of-tomorrow"]:
        assert faults(str(name), definitions["Source"]) == []
    assert faults("Not A Name", definitions["Cause"])
    assert list(definitions["PhasesJson"]["properties"]) == list(Step)


def test_file_reads_back_as_written(tmp_path: Path) -> None:
    path = GATE.write(tmp_path / "gate.json")
    assert GateResult.read(path).to_json() == GATE.to_json()
    assert GateResult.read(path).scenarios[0] == CONTROL


def test_totals_count_every_status_and_reason() -> None:
    assert GATE.to_json()["totals"] == {
        "passed": 1,
        "failed": 1,
        "skipped": 1,
        "error": 0,
        "skip_reasons": [{"reason": "no control channel", "count": 1}],
    }


def test_totals_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    gate = _written(tmp_path)
    gate["totals"]["passed"] = 2
    with pytest.raises(ReportFormatError, match="totals"):
        GateResult.from_json(gate)


def test_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = GATE.write(tmp_path / "gate.json")
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(ReportFormatError, match="disk full"):
        replace(GATE, scenarios=()).write(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_write_into_a_file_as_directory_says_so(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(ReportFormatError, match="writable"):
        GATE.write(tmp_path / "reports" / "gate.json")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"nonsense", b"{}", b"null", b"[" * 100_000, b"\xff"],
    ids=["empty", "list", "nonsense", "object", "null", "deep", "not-utf-8"],
)
def test_reading_garbage_is_one_kind_of_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gate.json"
    path.write_bytes(content)
    with pytest.raises(ReportFormatError):
        GateResult.read(path)
    with pytest.raises(ReportFormatError):
        GateResult.read(tmp_path / "absent.json")


def test_message_names_the_place() -> None:
    value = REMEDIED.to_json()
    value["stages"][1]["diagnosed"]["evidence"][1]["at"] = "soon"  # type: ignore[index]
    with pytest.raises(ReportFormatError) as caught:
        ScenarioRecord.from_json(value)
    assert "scenario.stages[1].diagnosed.evidence[1].at" in str(caught.value)
    assert "it is 'soon', expected a number or null" in str(caught.value)


@given(records)
def test_any_record_reads_back_and_fits_the_schema(record: ScenarioRecord) -> None:
    written = json.loads(json.dumps(record.to_json(), allow_nan=False))
    assert ScenarioRecord.from_json(written) == record
    assert faults(written, SCENARIO_SCHEMA) == []


def test_text_of_a_broken_guest_survives_xdist_and_the_file(tmp_path: Path) -> None:
    broken = "event \udcff\x00 text"
    raw = replace(IGNORED.evidence[0], raw=broken)
    stage = replace(
        REMEDIED.stages[0],
        diagnosed=replace(IGNORED, evidence=(raw,)),
        facts={broken: broken},
    )
    record = replace(REMEDIED, stages=(stage,), message=broken, status=Status.SKIPPED)
    # What pytest-xdist does to a report on its way from the worker.
    sent = loads(dumps(record.to_json()))
    assert ScenarioRecord.from_json(sent).stages[0].facts == {
        "event \\udcff\x00 text": "event \\udcff\x00 text"
    }
    path = replace(GATE, scenarios=(record, record)).write(tmp_path / "gate.json")
    assert GateResult.read(path).skip_reasons == {"event \\udcff\x00 text": 2}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_a_spoilt_record_reads_or_raises_our_error(data: st.DataObject) -> None:
    value: Any = CONTROL.to_json()
    spot = value
    while True:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(spot[key], dict | list) or not spot[key] or data.draw(st.booleans()):
            break
        spot = spot[key]
    spot[key] = data.draw(json_values)
    try:
        read = ScenarioRecord.from_json(value)
    except PowerdownError:
        return
    assert json.loads(json.dumps(read.to_json(), allow_nan=False)) == read.to_json()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_json_cannot_hold_are_refused_where_they_arise(number: float) -> None:
    with pytest.raises(ReportFormatError):
        StageRecord("press", None, None, guest_seconds=number)
    with pytest.raises(ReportFormatError):
        StageRecord("press", None, None, facts={"seconds": number})
    with pytest.raises(ReportFormatError):
        evidence = Evidence(Source.QMP, number, "", "")
        StageRecord("press", None, replace(COMPLETED, evidence=(evidence,)))
    with pytest.raises(ReportFormatError):
        outside = replace(COMPLETED, evidence=(Evidence(Source.QMP, number, "", ""),))
        StageRecord("press", None, None, diagnosed_outside=outside)


def test_phase_seconds_has_every_step() -> None:
    seconds = phase_seconds(IGNORED_TIMELINE)
    assert list(seconds) == list(Step)
    assert seconds[Step.COMMAND] == pytest.approx(0.004)
    assert seconds[Step.ACPI] is None
    assert seconds[Step.POWER_OFF] is None


def test_stage_knows_whether_it_went_as_expected() -> None:
    first, second, facts_only = REMEDIED.stages
    assert first.as_expected
    assert not second.as_expected
    assert facts_only.as_expected
    assert not replace(first, diagnosed=None).as_expected


def test_image_knows_whether_it_was_written() -> None:
    untouched, written = GATE.images
    assert untouched.untouched is True
    assert written.untouched is False
    assert msgspec.structs.replace(written, digest_after=None).untouched is None


def test_local_time_is_written_as_utc() -> None:
    assert GATE.to_json()["created"] == "2025-01-31T23:59:58+00:00"
    without_zone = {**GATE.to_json(), "created": "2025-01-31T23:59:58"}
    with pytest.raises(ReportFormatError, match="time zone"):
        GateResult.from_json(without_zone)


def test_host_facts_are_kept(tmp_path: Path) -> None:
    path = GATE.write(tmp_path / "gate.json")
    assert GateResult.read(path).host == HostFacts("7.2.19", "tcg", "POWERDOWN_ACCEL=tcg")
