"""Why a shutdown that completed took longer than its soft budget of 20 s."""

from __future__ import annotations

from typing import Any

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose
from powerdown.shutdown.observation import CONTROL_BACK, Observation
from tests.support.observations import (
    APP,
    BY_BUTTON,
    DESKTOP,
    GPSVC,
    HELPER,
    HIGH,
    HOLDER,
    LOW,
    MEDIUM,
    PLAIN,
    STOPPING,
    UPDATER,
    WINDOWS_OWN,
    baseline,
    by_command,
    closed,
    event,
    found,
    inside,
    nobody,
    powered_off,
    preparing,
    record,
    sample,
    samples,
    service,
    works,
)

SLOW = Outcome.SLOW_BUT_COMPLETED
UNKNOWN = (SLOW, Cause.UNKNOWN, LOW)
PENDING = baseline(update_markers=("RebootPending",))
APP_TIMES = (102.0, 108.0, 116.0, 124.0)


def slow(*shown: object, off: float = 130.0, **changes: Any) -> Observation:
    return powered_off(off, **{"samples": shown, **changes})


def test_the_soft_budget_is_told() -> None:
    verdict = diagnose(slow())
    assert found(slow()) == UNKNOWN
    assert any("soft budget of 20.00 s" in evidence.raw for evidence in verdict.evidence)


class TestApplications:
    HELD = (SLOW, Cause.UNRESPONSIVE_APP)

    def test_the_program_that_was_waited_for(self) -> None:
        held = slow(*samples(APP_TIMES, BY_BUTTON))
        assert found(held) == (*self.HELD, HIGH)
        assert diagnose(held).culprit == "editor.exe"
        assert found(held.from_outside()) == UNKNOWN

    def test_where_windows_ends_programs_the_time_it_gives_them_is_told(self) -> None:
        asked = diagnose(slow(*samples(APP_TIMES, BY_BUTTON)))
        assert "AutoEndTasks /t REG_SZ /d 1" in asked.remedy
        assert not any("WaitToKillAppTimeout" in fact.fact for fact in asked.evidence)
        ends = baseline(auto_end_tasks=True, wait_to_kill_app_ms=300_000)
        late = slow(*samples(APP_TIMES, BY_BUTTON), baseline=ends)
        assert found(late) == (*self.HELD, HIGH)
        verdict = diagnose(late)
        assert "WaitToKillAppTimeout" in verdict.remedy
        [time] = [fact for fact in verdict.evidence if "WaitToKillAppTimeout" in fact.fact]
        assert (time.fact, time.raw) == (
            "WaitToKillAppTimeout of tester: 5 min (registry value)",
            "REG_DWORD 300000 (0x493e0)",
        )

    def test_many_programs_on_a_slow_guest(self) -> None:
        shown = (
            *samples((102.0, 110.0), BY_BUTTON, processes=(*DESKTOP, APP)),
            *samples((118.0, 124.0), BY_BUTTON, processes=(*DESKTOP, HELPER)),
        )
        assert found(slow(*shown)) == (*self.HELD, LOW)

    def test_seen_once_it_may_have_been_slow_by_nature(self) -> None:
        assert found(slow(sample(124.0, BY_BUTTON))) == (*self.HELD, MEDIUM)

    @pytest.mark.parametrize(
        "shown",
        [
            samples((102.0, 105.0), BY_BUTTON),
            samples(APP_TIMES),
            samples(APP_TIMES, by_command()),
            samples(APP_TIMES, BY_BUTTON, processes=(*WINDOWS_OWN, HELPER)),
            samples(APP_TIMES, BY_BUTTON, unread=["processes"]),
        ],
        ids=["short", "nothing recorded", "a countdown", "session over", "processes unread"],
    )
    def test_not_blamed(self, shown: tuple[object, ...]) -> None:
        assert found(slow(*shown)) == UNKNOWN

    def test_a_countdown_is_no_application(self) -> None:
        off = powered_off(160.0)
        shown = samples((102.0, 130.0, 158.0), by_command())
        late = inside("shutdown /s /t 60", events=off.events, ended_at=160.0, samples=shown)
        assert found(late) == UNKNOWN


class TestPreshutdown:
    AT_WORK = (103.0, 110.0, 118.0, 127.0)

    def test_updates(self) -> None:
        updating = slow(*preparing(self.AT_WORK, UPDATER), baseline=PENDING)
        assert found(updating) == (SLOW, Cause.WINDOWS_UPDATE, HIGH)
        assert diagnose(updating).culprit == UPDATER

    def test_updates_without_marks_of_any(self) -> None:
        assert found(slow(*preparing(self.AT_WORK, UPDATER)))[1:] == (Cause.WINDOWS_UPDATE, MEDIUM)

    def test_marks_without_an_update_service_at_work(self) -> None:
        assert found(slow(baseline=PENDING)) == UNKNOWN
        held = slow(*preparing(self.AT_WORK, HOLDER), baseline=PENDING)
        assert found(held) == (SLOW, Cause.UNRESPONSIVE_SERVICE, HIGH)

    def test_a_service_that_worked_until_its_time_was_up(self) -> None:
        overran = record(9, 7043, "Service Control Manager", param1=HOLDER)
        held = slow(*preparing(self.AT_WORK, HOLDER, records=(BY_BUTTON, overran)))
        assert found(held) == (SLOW, Cause.UNRESPONSIVE_SERVICE, HIGH)
        assert any("7043" in evidence.raw for evidence in diagnose(held).evidence)

    def test_at_the_logon_screen(self) -> None:
        held = slow(*preparing(self.AT_WORK, HOLDER), baseline=nobody())
        assert found(held) == (SLOW, Cause.UNRESPONSIVE_SERVICE, HIGH)

    def test_two_that_worked_as_long_are_rivals(self) -> None:
        both = slow(*preparing(self.AT_WORK, HOLDER, UPDATER), baseline=PENDING)
        assert found(both) == (SLOW, Cause.UNRESPONSIVE_SERVICE, MEDIUM)

    def test_one_seen_at_the_end_by_chance_is_innocent(self) -> None:
        """PreshutdownOrder: another service has its turn when the long one has ended."""
        shown = (*preparing(self.AT_WORK, UPDATER), *preparing((128.0,), GPSVC))
        assert diagnose(slow(*shown, baseline=PENDING)).culprit == UPDATER

    def test_without_a_shell_to_tell_by_it_is_less_sure(self) -> None:
        bare = slow(*preparing(self.AT_WORK, HOLDER), baseline=baseline(processes=WINDOWS_OWN))
        assert found(bare) == (SLOW, Cause.UNRESPONSIVE_SERVICE, MEDIUM)

    @pytest.mark.parametrize(
        "shown",
        [
            preparing((127.0,), HOLDER),
            preparing((103.0, 108.0), HOLDER),
            preparing(AT_WORK, HOLDER, records=()),
            samples(AT_WORK, BY_BUTTON, services=[service(HOLDER, STOPPING), PLAIN], unread=["x"])[
                :1
            ],
        ],
        ids=["seen once", "short", "no shutdown recorded", "session not over"],
    )
    def test_not_blamed(self, shown: tuple[object, ...]) -> None:
        assert found(slow(*shown)) == UNKNOWN


class TestServices:
    PATIENT = baseline(wait_to_kill_service_ms=600_000)

    def late(self, **changes: Any) -> Observation:
        values = {"baseline": self.PATIENT, "activity": works(0.03, 130.0)}
        return powered_off(130.0, closed(104.0), **{**values, **changes})

    def test_it_took_long_behind_the_control_port(self) -> None:
        assert found(self.late()) == (SLOW, Cause.UNRESPONSIVE_SERVICE, MEDIUM)

    @pytest.mark.parametrize(
        "change",
        [
            {"baseline": baseline()},
            {"baseline": baseline(wait_to_kill_service_ms=None)},
            {"activity": works(0.2, 130.0, bytes_a_second=1_000_000)},
        ],
        ids=["short timeout", "timeout unread", "page file cleared"],
    )
    def test_doubt(self, change: dict[str, object]) -> None:
        assert found(self.late(**change)) == (SLOW, Cause.UNRESPONSIVE_SERVICE, LOW)

    def test_a_little_late_and_services_took_a_moment_only(self) -> None:
        late = powered_off(120.1, closed(118.0), baseline=self.PATIENT)
        assert found(late) == UNKNOWN

    def test_a_port_closed_by_a_timer_is_no_border(self) -> None:
        answered = self.late(samples=(sample(110.0),))
        assert found(answered) == UNKNOWN
        back = powered_off(130.0, closed(104.0), event(CONTROL_BACK, 104.1), baseline=self.PATIENT)
        assert found(back) == UNKNOWN


def test_the_part_that_took_longest_is_to_blame() -> None:
    shown = (*samples(APP_TIMES, BY_BUTTON), *preparing((125.0, 129.0), HOLDER))
    verdict = diagnose(slow(*shown))
    assert (verdict.cause, verdict.culprit) == (Cause.UNRESPONSIVE_APP, "editor.exe")
    assert any(HOLDER in evidence.fact for evidence in verdict.evidence)


def test_two_that_took_as_long_leave_doubt() -> None:
    shown = (
        *samples((102.0, 108.0, 115.0, 122.0), BY_BUTTON),
        *preparing((124.0, 130.0, 138.0, 145.0), UPDATER),
    )
    both = slow(*shown, off=147.0, baseline=PENDING)
    assert diagnose(both).confidence is LOW
    assert diagnose(both).cause in (Cause.UNRESPONSIVE_APP, Cause.WINDOWS_UPDATE)
