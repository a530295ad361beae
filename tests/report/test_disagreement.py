"""What two ways to QEMU disagree about."""

from __future__ import annotations

import json
from dataclasses import replace

from powerdown.machine.backend import Backend
from powerdown.report.disagreement import Disagreement, FoundJson, disagreements
from powerdown.report.gate_result import GateResult
from powerdown.report.scenario_record import ScenarioRecord, StageRecord, Status
from tests.support.report_examples import COMPLETED, GATE, IGNORED

BOOT = StageRecord("boot", None, None)
CLONE = StageRecord("clone", None, None)
PRESSED = StageRecord("press", None, COMPLETED)
PRESSED_IN_VAIN = StageRecord("press", None, IGNORED)


def record(
    backend: Backend, *stages: StageRecord, status: Status = Status.PASSED
) -> ScenarioRecord:
    scenario = ("image", "soft-shutdown", "control", f"test via {backend}")
    return ScenarioRecord(*scenario, status, stages, backend=backend)


def test_the_same_verdict_however_the_guest_was_started() -> None:
    pair = record(Backend.QMP, CLONE, PRESSED), record(Backend.LIBVIRT, BOOT, BOOT, PRESSED)
    assert disagreements(pair) == ()


def test_another_verdict_is_told_with_both() -> None:
    pair = record(Backend.QMP, PRESSED), record(Backend.LIBVIRT, PRESSED_IN_VAIN)
    (found,) = disagreements(pair)
    assert found.stage == "press"
    assert found.found == FoundJson("completed (none)", "stayed-up (power-button-ignored)")
    assert str(found) == (
        "image soft-shutdown control: press: completed (none) via qmp, "
        "stayed-up (power-button-ignored) via libvirt"
    )


def test_a_stage_that_one_way_did_not_reach() -> None:
    pair = (
        record(Backend.QMP, PRESSED, replace(PRESSED, name="press after the remedy")),
        record(Backend.LIBVIRT, PRESSED, status=Status.FAILED),
    )
    (found,) = disagreements(pair)
    assert (found.stage, found.found.libvirt) == ("press after the remedy", "not reached")


def test_a_failure_between_the_verdicts() -> None:
    pair = record(Backend.QMP, PRESSED), record(Backend.LIBVIRT, PRESSED, status=Status.ERROR)
    (found,) = disagreements(pair)
    assert found.found == FoundJson("passed", "error")


def test_one_way_alone_or_skipped_says_nothing() -> None:
    skipped = record(Backend.LIBVIRT, status=Status.SKIPPED)
    assert disagreements([record(Backend.QMP, PRESSED), skipped]) == ()
    assert disagreements([record(Backend.QMP, PRESSED), record(Backend.QMP, PRESSED_IN_VAIN)]) == ()


def test_it_is_in_the_result() -> None:
    found = disagreements([record(Backend.QMP, PRESSED), record(Backend.LIBVIRT, PRESSED_IN_VAIN)])
    told = replace(GATE, disagreements=found).to_json()
    assert GateResult.from_json(json.loads(json.dumps(told))).disagreements == found
    assert Disagreement.read(found[0].to_json(), "one") == found[0]
