"""What holds for every fault of the catalogue."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from powerdown.cli import main as cli_main
from powerdown.cli.scenarios_command import scenarios_to_json, scenarios_to_text
from powerdown.core.outcome import Cause, Outcome
from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault import (
    COMPLETED,
    BlockedAt,
    Fault,
    Recovery,
    ScenarioId,
    Trigger,
    beyond_hard_ms,
    beyond_soft_ms,
)
from tests.support.fake_machine import IMAGE
from tests.support.paths import REPOSITORY

SUITES = REPOSITORY / "suites"

every_fault = pytest.mark.parametrize("fault", CATALOGUE, ids=str)


def test_every_failure_is_in_it_in_order() -> None:
    assert list(dict.fromkeys(fault.scenario for fault in CATALOGUE)) == list(ScenarioId)


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(map(str, CATALOGUE)).items() if count > 1] == []


@pytest.mark.parametrize("scenario", ScenarioId)
def test_every_failure_has_a_suite(scenario: ScenarioId) -> None:
    suite = SUITES / f"test_{scenario.replace('-', '_')}.py"
    assert f'scenario("{scenario}")' in suite.read_text()


@every_fault
def test_it_says_what_it_does_and_on_what_authority(fault: Fault) -> None:
    assert fault.summary
    assert fault.summary[-1] not in ".!"
    assert fault.injects
    assert fault.sources
    assert all(fault.injects + fault.remedies + fault.sources)


@every_fault
def test_a_remedy_is_told_where_one_is_applied(fault: Fault) -> None:
    if fault.remedy is not None:
        assert fault.remedies
    # What does not simply complete has to be remedied.
    if fault.expected[0] != COMPLETED:
        assert fault.remedy is not None


@every_fault
def test_what_holds_nowhere_completes(fault: Fault) -> None:
    assert (fault.expected[0] == COMPLETED) == (fault.blocked_at is BlockedAt.NONE)


@every_fault
def test_its_likeliest_verdict_names_its_own_failure(fault: Fault) -> None:
    own = {Cause(fault.scenario), Cause.NONE, Cause.PRESS_LOST}
    assert {expected.cause for expected in fault.expected} <= own
    for expected in fault.expected:
        assert (expected.outcome is Outcome.COMPLETED) == (expected.cause is Cause.NONE)
    assert len(set(fault.expected)) == len(fault.expected)


@every_fault
def test_a_command_belongs_to_a_trigger_inside(fault: Fault) -> None:
    assert bool(fault.command) == (fault.trigger is Trigger.INSIDE)


def test_what_waits_for_ever_is_not_waited_for() -> None:
    holding = {fault.variant for fault in CATALOGUE if fault.recovery is Recovery.POWER_CUT}
    assert holding == {"never-stops", "preshutdown-holder", "cpu-pinned"}


def test_delays_lie_between_the_budgets_of_the_image() -> None:
    budgets = IMAGE.budgets
    assert budgets.shutdown_soft * 1000 < beyond_soft_ms(IMAGE) < budgets.shutdown_hard * 1000
    assert beyond_hard_ms(IMAGE) > budgets.shutdown_hard * 1000


def test_it_is_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.main(["scenarios", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed == scenarios_to_json(CATALOGUE)
    assert listed["format"] == 2
    variants = [
        (scenario["id"], variant["variant"])
        for scenario in listed["scenarios"]
        for variant in scenario["variants"]
    ]
    assert variants == [(f.scenario, f.variant) for f in CATALOGUE]
    asleep = next(s for s in listed["scenarios"] if s["id"] == "asleep")
    assert asleep["variants"][0]["expected"] == [{"outcome": "suspended", "cause": "asleep"}]
    assert asleep["variants"][0]["blocked_at"] == "delivery"


def test_it_is_listed_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.main(["scenarios"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for scenario in ScenarioId:
        assert scenario in lines
    told = "\n".join(lines)
    for fault in CATALOGUE:
        # Command lines are never broken: they are there to be copied.
        for entry in (*fault.injects, *fault.remedies, *fault.sources):
            assert entry in told


@pytest.mark.parametrize("width", [10, 80, 500])
def test_sentences_fit_the_width_within_reason(width: int) -> None:
    summaries = [line for line in scenarios_to_text(CATALOGUE, width).splitlines() if ": " in line]
    own = [line for line in summaries if line.startswith("  ") and not line.startswith("    ")]
    assert own
    assert all(len(line) <= max(60, min(width, 120)) for line in own)
