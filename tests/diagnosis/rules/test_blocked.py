"""A shutdown that is under way and waits: for applications, or for services."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.shutdown.observation import CONTROL_BACK, ChannelState, Observation
from powerdown.windows.processes import ProcessEntry
from tests.support.observations import (
    APP,
    BY_BUTTON,
    CORE_PROCESS_DIED,
    DESKTOP,
    GPSVC,
    HELPER,
    HIGH,
    HOLDER,
    INCONCLUSIVE,
    LATCHED,
    LOW,
    MEDIUM,
    PLAIN,
    SPENT,
    STOPPING,
    UPDATER,
    WINDOWS_OWN,
    baseline,
    by_command,
    closed,
    event,
    found,
    initiated,
    inside,
    nobody,
    obs,
    preparing,
    record,
    samples,
    screens,
    service,
    under_way,
    works,
)

STAYED = Outcome.STAYED_UP
APPLICATION = (STAYED, Cause.UNRESPONSIVE_APP)
SERVICE = (STAYED, Cause.UNRESPONSIVE_SERVICE)
UPDATE = (STAYED, Cause.WINDOWS_UPDATE)
DAMAGED = (STAYED, Cause.DAMAGED_SYSTEM)
TIMES = (105.0, 115.0, 124.0)
BLOCKED_SCREEN = "Closing 1 app and shutting down\nThis app is preventing shutdown"


class TestApplicationBlocks:
    def blocked(self, *records: object, **changes: Any) -> Observation:
        """It still waits for the editor when the soft budget has passed."""
        shown = samples(TIMES, *(records or (BY_BUTTON,)))  # type: ignore[arg-type]
        return obs(**{"samples": shown, "ended_at": TIMES[-1] + 0.5, **changes})

    def test_the_program_that_is_left_is_named(self) -> None:
        assert found(self.blocked()) == (*APPLICATION, HIGH)
        assert diagnose(self.blocked()).culprit == "editor.exe"
        assert is_conclusive(self.blocked())

    def test_a_program_that_saves_for_long_is_waited_for(self) -> None:
        """It may yet end in time: nothing is settled before the soft budget is spent."""
        early = self.blocked(samples=samples((105.0, 112.0), BY_BUTTON), ended_at=112.5)
        assert found(early) == (*APPLICATION, LOW)
        assert not is_conclusive(early)

    def test_within_the_time_of_a_hung_program_nothing_is_said(self) -> None:
        early = self.blocked(samples=samples((104.0, 107.0), BY_BUTTON), ended_at=107.5)
        assert found(early) == INCONCLUSIVE

    def test_windows_own_timeout_is_respected(self) -> None:
        patient = self.blocked(baseline=baseline(hung_app_ms=30_000))
        assert found(patient) == INCONCLUSIVE

    def test_where_windows_ends_programs_by_itself_their_time_is_to_be_limited(self) -> None:
        ends = diagnose(self.blocked(baseline=baseline(auto_end_tasks=True)))
        assert "WaitToKillAppTimeout /t REG_SZ /d 2000" in ends.remedy
        assert "taskkill" in diagnose(self.blocked()).remedy

    def test_a_program_that_was_started_meanwhile_is_named_too(self) -> None:
        later = replace(APP, name="setup.exe", pid=4000)
        started = self.blocked(samples=samples(TIMES, BY_BUTTON, processes=(*DESKTOP, later)))
        assert (diagnose(started).culprit, diagnose(started).confidence) == ("setup.exe", HIGH)

    def test_a_program_that_closed_by_itself_is_not_named(self) -> None:
        both = samples(TIMES[:1], BY_BUTTON, processes=(*DESKTOP, APP, HELPER))
        one = samples(TIMES[1:], BY_BUTTON, processes=(*DESKTOP, HELPER))
        assert diagnose(self.blocked(samples=(*both, *one))).culprit == "vmtray.exe"

    def test_services_are_no_programs_of_the_session(self) -> None:
        in_session_0 = (*DESKTOP, ProcessEntry("sqlservr.exe", 900, 0))
        alone = self.blocked(samples=samples(TIMES, BY_BUTTON, processes=in_session_0))
        assert found(alone) == (*APPLICATION, LOW)
        assert diagnose(alone).culprit == ""

    @pytest.mark.parametrize(
        ("change", "confidence"),
        [
            ({"baseline": baseline(auto_end_tasks=True)}, MEDIUM),
            ({"baseline": baseline(auto_end_tasks=None)}, MEDIUM),
            ({"samples": samples(TIMES[-1:], BY_BUTTON)}, MEDIUM),
            (
                {
                    "baseline": baseline(
                        processes=(*DESKTOP, APP, ProcessEntry("explorer.exe", 1, 2))
                    )
                },
                LOW,
            ),
            ({"samples": samples(TIMES, by_command())}, LOW),
            ({"samples": samples(TIMES, by_command()), "screen_text": BLOCKED_SCREEN}, MEDIUM),
            ({"samples": samples(TIMES, initiated(process="", reason="0x80000000"))}, LOW),
        ],
        ids=[
            "AutoEndTasks on",
            "AutoEndTasks unread",
            "seen once",
            "others are logged on",
            "another's countdown may run",
            "the same, and the screen says so",
            "nobody knows whose shutdown",
        ],
    )
    def test_doubt_where_something_else_fits(
        self, change: dict[str, object], confidence: object
    ) -> None:
        assert found(self.blocked(**change)) == (*APPLICATION, confidence)
        assert not is_conclusive(self.blocked(**change))

    @pytest.mark.parametrize(
        ("command", "confidence"),
        [
            ("shutdown /s /t 0", HIGH),
            ("shutdown -s -t 00", HIGH),
            ("shutdown /p", HIGH),
            ("shutdown /s /t 600", LOW),
            ("shutdown /s", LOW),
            ("shutdown /s /f /t 0", LOW),
        ],
    )
    def test_a_command_with_a_countdown_asks_nobody_yet(
        self, command: str, confidence: object
    ) -> None:
        shown: dict[str, Any] = {
            "samples": samples(TIMES, by_command()),
            "ended_at": TIMES[-1] + 0.5,
        }
        assert found(inside(command, **shown)) == (*APPLICATION, confidence)

    @pytest.mark.parametrize(
        "change",
        [
            {"samples": samples(TIMES)},
            {"samples": samples(TIMES, BY_BUTTON, record(9, 1073))},
            {"samples": samples(TIMES, BY_BUTTON, record(9, 1075))},
            {"samples": samples(TIMES, BY_BUTTON, unread=["records"])},
            {"samples": samples(TIMES, BY_BUTTON, unread=["processes"])},
            {"samples": samples(TIMES, BY_BUTTON, processes=WINDOWS_OWN)},
            {"samples": samples(TIMES, BY_BUTTON, processes=(*WINDOWS_OWN, HELPER))},
            {"baseline": nobody()},
            {"baseline": baseline(console=None)},
            {"baseline": None, "control": ChannelState.SILENT},
            {"control": ChannelState.LOST},
            {"pm1_after": (LATCHED,)},
            {"samples": preparing(TIMES, HOLDER)},
        ],
        ids=[
            "nothing recorded",
            "given up on its screen",
            "aborted",
            "records unreadable",
            "processes unreadable",
            "session over",
            "session over, a helper left",
            "nobody logged on",
            "console unread",
            "no baseline",
            "control lost",
            "press not taken",
            "services asked already",
        ],
    )
    def test_not_blamed(self, change: dict[str, object]) -> None:
        assert diagnose(self.blocked(**change)).cause is not Cause.UNRESPONSIVE_APP

    def test_a_demand_service_that_stops_meanwhile_does_not_take_the_blame(self) -> None:
        stopping = (service(GPSVC), service(UPDATER, STOPPING), service(HOLDER), PLAIN)
        shown = (
            *samples(TIMES[:1], BY_BUTTON),
            *samples(TIMES[1:2], BY_BUTTON, services=stopping),
            *samples(TIMES[2:], BY_BUTTON, services=(service(GPSVC), service(HOLDER), PLAIN)),
        )
        assert found(self.blocked(samples=shown)) == (*APPLICATION, HIGH)
        late = under_way(*shown, *samples((150.0, 158.0), BY_BUTTON, services=stopping))
        assert found(late) == (*APPLICATION, HIGH)

    def test_a_core_process_that_died_is_no_application(self) -> None:
        assert found(self.blocked(CORE_PROCESS_DIED)) == (*DAMAGED, HIGH)


class TestBlockingScreen:
    def test_from_outside_the_screen_is_a_hint(self) -> None:
        outside = obs(screen_text=BLOCKED_SCREEN).from_outside()
        assert found(outside) == (*APPLICATION, MEDIUM)
        assert not is_conclusive(outside)

    @pytest.mark.parametrize(
        "change",
        [
            {"screen_text": None},
            {"screen_text": "Arbeitsplatz"},
            {"screen_text_before": BLOCKED_SCREEN},
            {"pm1_after": (LATCHED,)},
            {"samples": samples(TIMES, BY_BUTTON, processes=WINDOWS_OWN)},
        ],
        ids=["unread", "says nothing of it", "said so before", "press not taken", "session over"],
    )
    def test_not_blamed(self, change: dict[str, object]) -> None:
        other = obs(**{"screen_text": BLOCKED_SCREEN, "samples": (), **change})
        assert diagnose(other).cause is not Cause.UNRESPONSIVE_APP

    def test_of_a_command_whose_answer_is_not_known(self) -> None:
        unheard = inside("shutdown /s /t 0", screen_text=BLOCKED_SCREEN).from_outside()
        assert found(unheard) == (*APPLICATION, LOW)


class TestPreshutdown:
    def test_a_holder_that_outlives_the_budget(self) -> None:
        held = under_way(
            *preparing((110.0, 140.0, 158.0), HOLDER),
            baseline=baseline(preshutdown_ms={HOLDER: 2_147_483_647}),
        )
        assert found(held) == (*SERVICE, HIGH)
        assert diagnose(held).culprit == HOLDER
        assert any("2147483647" in evidence.raw for evidence in diagnose(held).evidence)

    def test_it_may_finish_so_nothing_is_settled_early(self) -> None:
        held = obs(samples=preparing((110.0, 130.0), HOLDER), ended_at=130.5)
        assert found(held) == (*SERVICE, MEDIUM)
        assert not is_conclusive(under_way(*preparing((110.0, 158.0), HOLDER)))

    def test_update_work_with_marks_of_it(self) -> None:
        pending = baseline(update_markers=("RebootPending",))
        updating = under_way(*preparing((110.0, 158.0), UPDATER), baseline=pending)
        assert found(updating) == (*UPDATE, HIGH)
        assert diagnose(updating).culprit == UPDATER

    def test_an_update_service_without_marks_may_be_stuck(self) -> None:
        assert found(under_way(*preparing((110.0, 158.0), UPDATER))) == (*UPDATE, MEDIUM)

    def test_files_to_rename_at_the_next_boot_are_no_update(self) -> None:
        renames = baseline(update_markers=("PendingFileRenameOperations",))
        updating = under_way(*preparing((110.0, 158.0), UPDATER), baseline=renames)
        assert found(updating) == (*UPDATE, MEDIUM)

    def test_marks_without_an_update_service_at_work_are_only_mentioned(self) -> None:
        pending = baseline(update_markers=("RebootPending",))
        held = under_way(*preparing((110.0, 158.0), HOLDER), baseline=pending)
        assert found(held) == (*SERVICE, HIGH)
        assert Cause.WINDOWS_UPDATE in [cause for cause, _ in diagnose(held).also_seen]

    def test_updates_beside_a_holder_are_a_rival(self) -> None:
        both = under_way(*preparing((110.0, 158.0), HOLDER, UPDATER))
        assert found(both) == (*SERVICE, MEDIUM)
        assert diagnose(both).culprit == HOLDER
        assert Cause.WINDOWS_UPDATE not in [cause for cause, _ in diagnose(both).ruled_out]

    def test_services_that_wait_behind_one_of_preshutdown_order_are_innocent(self) -> None:
        waiting = (service(HOLDER, STOPPING), service(GPSVC), service(UPDATER), PLAIN)
        shown = samples((110.0, 158.0), BY_BUTTON, services=waiting, processes=WINDOWS_OWN)
        assert diagnose(under_way(*shown)).culprit == HOLDER

    def test_one_that_ignores_the_control_stays_running(self) -> None:
        left = (service(HOLDER), PLAIN)
        shown = samples((110.0, 158.0), BY_BUTTON, services=left, processes=WINDOWS_OWN)
        assert found(under_way(*shown)) == (*SERVICE, MEDIUM)
        assert diagnose(under_way(*shown)).culprit == HOLDER

    def test_all_running_is_no_sign_of_the_phase(self) -> None:
        shown = samples((110.0, 158.0), BY_BUTTON, processes=WINDOWS_OWN)
        assert found(under_way(*shown)) == INCONCLUSIVE

    @pytest.mark.parametrize(
        ("change", "confidence"),
        [
            ({"samples": preparing((158.0,), HOLDER)}, MEDIUM),
            ({"control": ChannelState.LOST}, MEDIUM),
            ({"baseline": baseline(processes=WINDOWS_OWN)}, MEDIUM),
            ({"samples": preparing((110.0,), HOLDER), "ended_at": 111.0}, LOW),
        ],
        ids=["seen once", "no answer at last", "no shell to tell by", "seen once and early"],
    )
    def test_doubt(self, change: dict[str, object], confidence: object) -> None:
        held = {"samples": preparing((110.0, 158.0), HOLDER), "ended_at": SPENT, **change}
        assert found(obs(**held)) == (*SERVICE, confidence)

    @pytest.mark.parametrize(
        "change",
        [
            {"samples": preparing((110.0, 158.0), HOLDER, records=())},
            {"samples": preparing((110.0, 158.0), HOLDER, records=(BY_BUTTON, record(9, 1075)))},
            {"samples": preparing((110.0, 158.0), "Other")},
            {"samples": samples((110.0, 158.0), BY_BUTTON, unread=["services"])},
            {"pm1_after": (LATCHED,)},
        ],
        ids=[
            "no shutdown recorded",
            "aborted",
            "accepts no preshutdown",
            "services unread",
            "press not taken",
        ],
    )
    def test_not_blamed(self, change: dict[str, object]) -> None:
        other = diagnose(
            obs(**{"samples": preparing((110.0,), HOLDER), "ended_at": SPENT, **change})
        )
        assert other.cause not in (Cause.UNRESPONSIVE_SERVICE, Cause.WINDOWS_UPDATE)

    def test_at_the_logon_screen_there_are_no_programs_to_wait_for(self) -> None:
        held = under_way(*preparing((110.0, 158.0), HOLDER), baseline=nobody())
        assert found(held) == (*SERVICE, HIGH)


class TestServicesStuck:
    PATIENT = baseline(wait_to_kill_service_ms=600_000)

    def stuck(self, **changes: Any) -> Observation:
        values = {
            "events": (event("POWERDOWN", 100.0), closed(105.0)),
            "control": ChannelState.LOST,
            "baseline": self.PATIENT,
        }
        return under_way(*samples((103.0,), BY_BUTTON), **{**values, **changes})

    def test_services_with_all_the_time_in_the_world(self) -> None:
        assert found(self.stuck()) == (*SERVICE, MEDIUM)
        assert "WaitToKillServiceTimeout" in diagnose(self.stuck()).remedy

    @pytest.mark.parametrize(
        "change",
        [
            {"baseline": baseline(wait_to_kill_service_ms=5000)},
            {"baseline": baseline(wait_to_kill_service_ms=None)},
            {"activity": works(0.2, bytes_a_second=50_000)},
            {"ended_at": 120.0},
            {"events": (closed(105.0), event(CONTROL_BACK, 105.1))},
            {"samples": samples((103.0, 130.0), BY_BUTTON)},
            {"events": ()},
            {"pm1_after": (LATCHED,)},
        ],
        ids=[
            "short timeout",
            "timeout unread",
            "disk written",
            "budget not spent",
            "port closed by a timer",
            "it answered after that",
            "port not closed",
            "press not taken",
        ],
    )
    def test_not_blamed(self, change: dict[str, object]) -> None:
        assert diagnose(self.stuck(**change)).cause is not Cause.UNRESPONSIVE_SERVICE

    def test_applications_may_hold_it_still(self) -> None:
        before = samples((104.0, 115.0, 130.0), BY_BUTTON)
        late = self.stuck(samples=before, events=(closed(140.0),))
        assert found(late) == (*SERVICE, LOW)

    def test_from_outside_nothing_is_claimed(self) -> None:
        assert found(self.stuck().from_outside()) == INCONCLUSIVE


class TestCpusPinned:
    FROZEN = screens((99.0, "desktop", False), (SPENT, "desktop", False))

    def pinned(self, **changes: Any) -> Observation:
        values = {"control": ChannelState.SILENT, "baseline": None, "activity": works(1.0)}
        return under_way(**{**values, "screens": self.FROZEN, **changes})

    def test_a_guest_that_answers_nobody_and_spins(self) -> None:
        assert found(self.pinned()) == (*DAMAGED, HIGH)
        assert found(self.pinned(control=ChannelState.LOST)) == (*DAMAGED, HIGH)

    @pytest.mark.parametrize(
        ("change", "confidence"),
        [({"powered_on_at": 80.0}, MEDIUM), ({"activity": works(1.0, ran=0.04)}, LOW)],
        ids=["it may be starting", "starved by the host"],
    )
    def test_doubt(self, change: dict[str, object], confidence: object) -> None:
        assert found(self.pinned(**change)) == (*DAMAGED, confidence)

    @pytest.mark.parametrize(
        "change",
        [
            {"activity": works(0.5)},
            {"activity": ()},
            {"activity": works(1.0, bytes_a_second=50_000)},
            {"screens": ()},
            {"screens": screens((99.0, "a", False), (SPENT, "b", False))},
            {"control": ChannelState.NONE},
            {"control": ChannelState.REJECTED},
            {"control": ChannelState.ALIVE, "samples": samples((158.0,))},
            {"events": (closed(105.0),), "control": ChannelState.LOST},
            {"ended_at": 130.0},
            {"vcpus": 2},
        ],
        ids=[
            "half busy",
            "not measured",
            "disk written",
            "screens not seen",
            "its screen goes on",
            "no channel",
            "it answers and refuses",
            "it answers",
            "its port closed",
            "budget not spent",
            "one of two CPUs",
        ],
    )
    def test_not_blamed(self, change: dict[str, object]) -> None:
        assert diagnose(self.pinned(**change)).cause is not Cause.DAMAGED_SYSTEM
