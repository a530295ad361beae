"""A guest that restarted instead: who asked for it?"""

from __future__ import annotations

from typing import Any

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose
from powerdown.machine.events import HostEvent
from powerdown.shutdown.observation import CONTROL_BACK, Observation
from powerdown.windows.event_records import EventRecord
from powerdown.windows.facts.press_facts import RESTART_AS_SHUTDOWN
from tests.support.observations import (
    BY_BUTTON,
    BY_SERVICING,
    CORE_PROCESS_DIED,
    HIGH,
    LOW,
    MEDIUM,
    UPDATER,
    WINDOWS_OWN,
    baseline,
    button,
    by_command,
    closed,
    event,
    found,
    initiated,
    inside,
    obs,
    preparing,
    reset,
    reset_without_reboot,
    sample,
    samples,
)

RESTARTED = Outcome.RESTARTED_INSTEAD
UNKNOWN = (RESTARTED, Cause.UNKNOWN, LOW)
ORDERLY = (closed(104.0),)
PENDING = baseline(update_markers=("RebootPending",))


def restarted_inside(command: str, *before: HostEvent, **changes: Any) -> Observation:
    events = reset(105.0, *before).events
    return inside(command, events=events, ended_at=105.0, **{"samples": (), **changes})


@pytest.mark.parametrize(
    ("before", "confidence"),
    [
        (ORDERLY, HIGH),
        ((closed(104.0), event(CONTROL_BACK, 104.1)), MEDIUM),
        ((), MEDIUM),
    ],
    ids=["services ended", "port closed by a timer", "no sign of order"],
)
def test_a_restart_that_was_commanded(before: tuple[HostEvent, ...], confidence: object) -> None:
    asked = restarted_inside("shutdown /r /t 0", *before)
    assert found(asked) == (RESTARTED, Cause.RESTART_REQUESTED, confidence)


def test_a_power_off_that_was_commanded_asks_for_no_restart() -> None:
    assert found(restarted_inside("shutdown /s /t 0", *ORDERLY)) == UNKNOWN


def test_a_refused_command_asks_for_nothing() -> None:
    events = reset(105.0, *ORDERLY).events
    refused = inside("shutdown /r /t 0", 5, "Access is denied.(5)", events=events, samples=())
    assert found(refused) == UNKNOWN


@pytest.mark.parametrize(
    ("kind", "confidence"), [("restart", HIGH), ("Neustart", LOW), ("power off", None), ("", None)]
)
def test_a_restart_recorded_in_so_many_words(kind: str, confidence: object) -> None:
    record = by_command(8, kind)
    verdict = found(reset(105, *ORDERLY, samples=(sample(101, record),)))
    expected = (RESTARTED, Cause.RESTART_REQUESTED, confidence)
    assert verdict == (UNKNOWN if confidence is None else expected)


@pytest.mark.parametrize("kind", ["power off", "Ausschalten"])
def test_a_crash_in_the_middle_of_a_shutdown_is_no_wish_to_restart(kind: str) -> None:
    record = initiated(kind=kind)
    assert found(reset(105, *ORDERLY, samples=(sample(101, record),))) == UNKNOWN


@pytest.mark.parametrize(
    ("records", "cause", "confidence"),
    [
        ((BY_BUTTON, BY_SERVICING), Cause.WINDOWS_UPDATE, HIGH),
        ((by_command(8, "restart"),), Cause.RESTART_REQUESTED, HIGH),
        ((), Cause.UNKNOWN, LOW),
    ],
    ids=["servicing", "a command", "nobody known"],
)
def test_a_qemu_told_not_to_reboot_ends_with_the_restart(
    records: tuple[EventRecord, ...], cause: Cause, confidence: object
) -> None:
    ended = reset_without_reboot(105, *ORDERLY, samples=(sample(101, *records),))
    assert found(ended) == (RESTARTED, cause, confidence)
    assert found(reset(105, *ORDERLY, samples=(sample(101, *records),))) == found(ended)
    verdict = diagnose(ended)
    assert any("-no-reboot" in told.fact for told in verdict.evidence)
    assert RESTART_AS_SHUTDOWN in verdict.rests_on


def test_a_host_that_resets_a_qemu_told_not_to_reboot_cut_the_power() -> None:
    events = (event("SHUTDOWN", 105, guest=False, reason="host-qmp-system-reset"),)
    assert found(obs(events=events, run_state=None)) != UNKNOWN
    assert diagnose(obs(events=events, run_state=None)).outcome is Outcome.FORCED_OFF


def test_nothing_but_a_reset_names_nobody() -> None:
    assert found(reset(105)) == UNKNOWN
    assert found(reset(105, *ORDERLY)) == UNKNOWN
    assert found(reset(105).from_outside()) == UNKNOWN


@pytest.mark.parametrize(
    ("records", "confidence"),
    [((BY_BUTTON, BY_SERVICING), HIGH), ((BY_SERVICING,), MEDIUM)],
    ids=["it turned the press into one", "it restarted just then by itself"],
)
def test_servicing_asked_for_it(records: tuple[EventRecord, ...], confidence: object) -> None:
    obs = reset(105, *ORDERLY, samples=(sample(101, *records),), baseline=PENDING)
    assert found(obs) == (RESTARTED, Cause.WINDOWS_UPDATE, confidence)


def test_updates_seen_at_work_before_it() -> None:
    obs = reset(120, closed(119.0), samples=preparing((104, 118), UPDATER), baseline=PENDING)
    assert found(obs) == (RESTARTED, Cause.WINDOWS_UPDATE, MEDIUM)


@pytest.mark.parametrize(
    "at",
    [(), samples((104.0,), BY_BUTTON), samples((104.0,), BY_BUTTON, processes=WINDOWS_OWN)],
    ids=["no look", "applications", "session over, no service at work"],
)
def test_markers_without_an_update_service_at_work_are_no_proof(at: tuple[object, ...]) -> None:
    verdict = found(reset(120, closed(119.0), samples=at, baseline=PENDING))
    assert verdict == (RESTARTED, Cause.WINDOWS_UPDATE, LOW)


def test_markers_do_not_count_against_a_restart_that_was_commanded() -> None:
    asked = restarted_inside("shutdown /r /t 0", *ORDERLY, baseline=PENDING)
    assert found(asked) == (RESTARTED, Cause.RESTART_REQUESTED, HIGH)


def test_a_core_process_that_died() -> None:
    recorded = reset(105, *ORDERLY, samples=(sample(101, BY_BUTTON, CORE_PROCESS_DIED),))
    assert found(recorded) == (RESTARTED, Cause.DAMAGED_SYSTEM, HIGH)
    without = tuple(p for p in baseline().processes if p.name != "lsass.exe")
    before = reset(105, *ORDERLY, baseline=baseline(processes=without))
    assert found(before) == (RESTARTED, Cause.DAMAGED_SYSTEM, HIGH)
    assert found(before.from_outside()) == UNKNOWN


def test_a_guest_whose_button_does_nothing_restarted_by_itself() -> None:
    """The restart is somebody's; the press is told of beside it."""
    ignored = baseline(button=button(0), update_markers=("RebootPending",))
    obs = reset(105, *ORDERLY, samples=(sample(101, BY_SERVICING),), baseline=ignored)
    assert found(obs) == (RESTARTED, Cause.WINDOWS_UPDATE, MEDIUM)
    assert Cause.POWER_BUTTON_IGNORED in [cause for cause, _ in diagnose(obs).also_seen]


def test_numbers_that_are_none_are_passed_over() -> None:
    odd = reset(105, samples=(sample(101, initiated(reason="soon")),))
    assert found(odd) == UNKNOWN
