"""A guest that took the command and wants no shutdown: nothing is under way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.diagnosis.verdict import Source
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import ChannelState, Observation
from powerdown.windows.power_button import PowerButton
from powerdown.windows.settings.button_settings import ButtonAction
from powerdown.windows.settings.stored_value import PowerSource
from tests.support.observations import (
    BY_BUTTON,
    CORE_PROCESS_DIED,
    DESKTOP,
    GPSVC,
    HIGH,
    INCONCLUSIVE,
    LATCHED,
    LIT_UP,
    LOW,
    MEDIUM,
    REACTED,
    SPENT,
    STOPPING,
    UPDATER,
    WINDOWS_OWN,
    at_logon,
    baseline,
    button,
    by_command,
    closed,
    found,
    initiated,
    inside,
    nobody,
    obs,
    preparing,
    record,
    sample,
    samples,
    screens,
    service,
)

STAYED = Outcome.STAYED_UP
NOT_ANSWERING = {"control": ChannelState.LOST, "samples": ()}
AT_LOGON_SCREEN = {"samples": (at_logon(REACTED),)}
LOG_UNREAD = (sample(unread=["records"]),)


def test_a_healthy_guest_that_did_nothing_for_no_known_reason() -> None:
    assert found(obs()) == INCONCLUSIVE
    assert not is_conclusive(obs())


class TestPowerButtonIgnored:
    IGNORED = (STAYED, Cause.POWER_BUTTON_IGNORED)

    @pytest.mark.parametrize(
        ("action", "confidence"), [(0, HIGH), (4, HIGH), (1, MEDIUM), (2, MEDIUM)]
    )
    def test_by_what_it_is_set_to(self, action: int, confidence: object) -> None:
        ignored = obs(baseline=baseline(button=button(action)))
        assert found(ignored) == (*self.IGNORED, confidence)
        assert is_conclusive(ignored) is (confidence is HIGH)
        assert "powercfg /setacvalueindex" in diagnose(ignored).remedy
        assert (Cause.PRESS_LOST, "the guest cleared the latched press") in diagnose(
            ignored
        ).ruled_out

    def test_policy_alone_can_do_it(self) -> None:
        setting = PowerButton(button(3).scheme, {PowerSource.AC: ButtonAction.NOTHING})
        assert found(obs(baseline=baseline(button=setting))) == (*self.IGNORED, HIGH)

    @pytest.mark.parametrize("setting", [button(3), button(7), None])
    def test_no_other_setting_is_blamed(self, setting: PowerButton | None) -> None:
        assert found(obs(baseline=baseline(button=setting))) == INCONCLUSIVE

    @pytest.mark.parametrize(
        ("change", "confidence"),
        [
            ({"samples": LOG_UNREAD}, MEDIUM),
            (NOT_ANSWERING, MEDIUM),
            # The only look was put before the guest had time to react.
            ({"samples": (sample(101.0),)}, MEDIUM),
        ],
        ids=["records unreadable", "control lost", "asked too early"],
    )
    def test_without_the_event_log_confidence_falls(
        self, change: dict[str, object], confidence: object
    ) -> None:
        blind = obs(baseline=baseline(button=button(0)), **change)
        assert found(blind) == (*self.IGNORED, confidence)
        assert not is_conclusive(blind)
        may_sleep_yet = obs(baseline=baseline(button=button(1)), **change)
        assert found(may_sleep_yet) == (*self.IGNORED, LOW)

    @pytest.mark.parametrize(
        "change",
        [
            {"pm1_after": (LATCHED,)},
            {"run_state": RunState.PAUSED},
            {"ended_at": 102.0},
            {"pm1_after": (LATCHED, replace(LATCHED, at=103.9, status=0))},
            {"samples": (sample(REACTED, BY_BUTTON),)},
            {"samples": (sample(REACTED, by_command()),)},
            {"events": (closed(103.0),), **NOT_ANSWERING},
            {"samples": samples([REACTED], processes=WINDOWS_OWN)},
            {"samples": samples([REACTED], services=[service(GPSVC, STOPPING)])},
            {"screen_text": "Shutting down", **NOT_ANSWERING},
        ],
        ids=[
            "press not taken",
            "paused",
            "no time to react",
            "taken a moment ago",
            "a shutdown was recorded",
            "another's shutdown was recorded",
            "its port closed",
            "the session ended",
            "a service stops",
            "the screen tells of a shutdown",
        ],
    )
    def test_without_proof_it_is_not_blamed(self, change: dict[str, object]) -> None:
        doubtful = obs(baseline=baseline(button=button(0)), **change)
        assert diagnose(doubtful).cause is not Cause.POWER_BUTTON_IGNORED

    def test_from_outside_nothing_is_claimed(self) -> None:
        assert found(obs(baseline=baseline(button=button(0))).from_outside()) == INCONCLUSIVE


class TestNoLogon:
    FORBIDDEN = nobody(shutdown_without_logon=False)

    def test_at_the_logon_screen_with_the_policy_at_0(self) -> None:
        forbidden = obs(baseline=self.FORBIDDEN, **AT_LOGON_SCREEN)
        # The observation leaves no doubt; that Windows discards such a press is not settled.
        assert found(forbidden) == (STAYED, Cause.NO_LOGON_SHUTDOWN, MEDIUM)
        assert is_conclusive(forbidden)
        assert [fact.id for fact in diagnose(forbidden).unsettled] == ["no-logon-press"]

    @pytest.mark.parametrize(
        "shown",
        [(), screens((99.0, "x", True), (REACTED, "x", True))],
        ids=["screens not seen", "dark"],
    )
    def test_the_display_may_have_taken_the_press(self, shown: object) -> None:
        doubtful = obs(baseline=self.FORBIDDEN, **AT_LOGON_SCREEN, screens=shown)
        assert found(doubtful) == (STAYED, Cause.NO_LOGON_SHUTDOWN, MEDIUM)

    @pytest.mark.parametrize(
        "change",
        [
            {"baseline": nobody(shutdown_without_logon=True)},
            {"baseline": nobody(shutdown_without_logon=None)},
            {"baseline": baseline(shutdown_without_logon=False), "samples": (sample(),)},
            {"baseline": nobody(shutdown_without_logon=False, console=None)},
            {"baseline": nobody(shutdown_without_logon=False, button=None)},
            {"samples": (at_logon(REACTED, BY_BUTTON),)},
            {"samples": (at_logon(REACTED, unread=["records"]),)},
            {"samples": (at_logon(101.0),)},
            NOT_ANSWERING,
            # A shutdown was under way when it was pressed: the user is logged off by then.
            {
                "baseline": nobody(
                    shutdown_without_logon=False, services=(service(UPDATER, STOPPING),)
                )
            },
            {"samples": preparing([REACTED], UPDATER, records=())},
        ],
        ids=[
            "policy allows",
            "policy unread",
            "somebody is logged on",
            "console unread",
            "button unread",
            "a shutdown was recorded",
            "records unreadable",
            "asked too early",
            "control lost",
            "shutting down before",
            "services stop",
        ],
    )
    def test_not_blamed(self, change: dict[str, object]) -> None:
        other = {"baseline": self.FORBIDDEN, **AT_LOGON_SCREEN, **change}
        assert found(obs(**other)) == INCONCLUSIVE

    def test_a_button_set_to_nothing_comes_first_and_it_is_told_of(self) -> None:
        both = nobody(shutdown_without_logon=False, button=button(0))
        verdict = diagnose(obs(baseline=both, **AT_LOGON_SCREEN))
        assert (verdict.cause, verdict.confidence) == (Cause.POWER_BUTTON_IGNORED, HIGH)
        assert Cause.NO_LOGON_SHUTDOWN in [cause for cause, _ in verdict.also_seen]


class TestDisplayWasDark:
    DARK = (STAYED, Cause.ASLEEP)

    def test_the_press_only_lit_it(self) -> None:
        assert found(obs(screens=LIT_UP)) == (*self.DARK, MEDIUM)
        assert is_conclusive(obs(screens=LIT_UP))
        assert [fact.id for fact in diagnose(obs(screens=LIT_UP)).unsettled] == ["display-wake"]

    @pytest.mark.parametrize(
        "found_before", [baseline(button=button(0)), nobody(shutdown_without_logon=False)]
    )
    def test_doubt_where_the_next_press_would_do_nothing_either(
        self, found_before: GuestBaseline
    ) -> None:
        shown = samples([REACTED], processes=found_before.processes)
        rival = obs(screens=LIT_UP, baseline=found_before, samples=shown)
        assert found(rival) == (*self.DARK, MEDIUM)
        assert diagnose(rival).also_seen

    def test_a_display_lit_much_later_was_lit_by_somebody(self) -> None:
        late = screens((99.0, "black", True), (140.0, "desktop", False))
        idle = obs(screens=late, samples=(sample(141.0),), ended_at=141.2)
        assert found(idle) == (*self.DARK, LOW)

    def test_it_may_go_dark_again_by_itself(self) -> None:
        again = screens((99.0, "black", True), (101.0, "desktop", False), (REACTED, "black", True))
        verdict = diagnose(obs(screens=again))
        assert (verdict.cause, verdict.confidence) == (Cause.ASLEEP, MEDIUM)
        assert is_conclusive(obs(screens=again))
        shown = [e.raw for e in verdict.evidence if e.source is Source.SCREEN]
        assert shown == ["dark", "picture desktop"]

    def test_from_outside_something_else_may_have_lit_it(self) -> None:
        assert found(obs(screens=LIT_UP).from_outside()) == (*self.DARK, LOW)

    @pytest.mark.parametrize(
        "change",
        [
            {"screens": ()},
            {"screens": screens((99.0, "x", False), (REACTED, "y", False))},
            {"screens": screens((99.0, "x", True), (REACTED, "x", True))},
            {"samples": (sample(REACTED, BY_BUTTON),)},
            {"pm1_after": (LATCHED,)},
            {
                "screen_text": "Restarting",
                "control": ChannelState.NONE,
                "baseline": None,
                "samples": (),
            },
            NOT_ANSWERING,
        ],
        ids=[
            "not seen",
            "was lit",
            "stayed dark",
            "a shutdown was recorded",
            "not taken",
            "the screen tells of a shutdown",
            "control lost",
        ],
    )
    def test_not_blamed(self, change: dict[str, object]) -> None:
        assert diagnose(obs(**{"screens": LIT_UP, **change})).cause is not Cause.ASLEEP


class TestEventTracker:
    OPEN = {
        "baseline": baseline(event_tracker=True),
        "screen_text": "Shut Down Windows\nShutdown Event Tracker",
    }

    def test_an_open_dialog_is_never_certain(self) -> None:
        assert found(obs(**self.OPEN)) == (STAYED, Cause.EVENT_TRACKER, MEDIUM)
        assert not is_conclusive(obs(**self.OPEN))

    def test_a_command_that_it_refuses(self) -> None:
        said = "A system shutdown is in progress.(1115)"
        assert found(inside("shutdown /s /t 0", 1115, said, **self.OPEN)) == (
            STAYED,
            Cause.EVENT_TRACKER,
            MEDIUM,
        )
        other = inside("shutdown /s /t 0", 1190, "already scheduled.(1190)", **self.OPEN)
        assert found(other) == INCONCLUSIVE

    @pytest.mark.parametrize(
        "change",
        [
            {"screen_text": None},
            {"screen_text": "Recycle Bin"},
            {"baseline": baseline(event_tracker=False)},
            {"baseline": baseline(event_tracker=None)},
            {"baseline": nobody(event_tracker=True), **AT_LOGON_SCREEN},
            {"samples": (sample(REACTED, BY_BUTTON),)},
            {"samples": LOG_UNREAD},
            {"baseline": baseline(event_tracker=True, button=button(0))},
        ],
        ids=[
            "screen unread",
            "no dialog",
            "tracker off",
            "tracker unknown",
            "nobody logged on",
            "a shutdown was recorded",
            "records unreadable",
            "button ignored",
        ],
    )
    def test_not_blamed(self, change: dict[str, object]) -> None:
        assert diagnose(obs(**{**self.OPEN, **change})).cause is not Cause.EVENT_TRACKER


class TestRefused:
    @pytest.mark.parametrize(
        ("exit_code", "said", "confidence"),
        [
            (1314, "", HIGH),
            (1, "A required privilege is not held by the client.(1314)", HIGH),
            (1, "Dem Client fehlt ein erforderliches Recht.(1314)", HIGH),
            (5, "Access is denied.(5)", MEDIUM),
        ],
    )
    def test_for_want_of_the_right(self, exit_code: int, said: str, confidence: object) -> None:
        refused = inside("shutdown /s /t 0", exit_code, said)
        assert found(refused) == (STAYED, Cause.DAMAGED_SYSTEM, confidence)
        assert is_conclusive(refused) is (confidence is HIGH)

    @pytest.mark.parametrize(
        ("exit_code", "said"),
        [(0, "(1314)"), (1115, "A system shutdown is in progress.(1115)"), (1190, ""), (1, "")],
    )
    def test_other_answers_are_none(self, exit_code: int, said: str) -> None:
        assert diagnose(inside("shutdown /s", exit_code, said)).cause is Cause.UNKNOWN


class TestAborted:
    ABORTED = (STAYED, Cause.DAMAGED_SYSTEM)
    BY_SYSTEM = record(9, 1075, param1="PC", param2=r"NT AUTHORITY\SYSTEM")

    def aborted(self, *records: object, **changes: Any) -> Observation:
        at = {"samples": (sample(REACTED, *records),)}  # type: ignore[arg-type]
        return inside("shutdown /s /t 5", **{**at, **changes})  # type: ignore[arg-type]

    def test_by_a_process(self) -> None:
        aborted = self.aborted(by_command(), self.BY_SYSTEM)
        assert found(aborted) == (*self.ABORTED, HIGH)
        assert is_conclusive(aborted)
        assert diagnose(aborted).culprit == r"NT AUTHORITY\SYSTEM"

    @pytest.mark.parametrize("account", [r"PC\tester", "TESTER", ""])
    def test_it_may_have_been_the_person_at_the_console(self, account: str) -> None:
        aborted = self.aborted(by_command(), record(9, 1075, param2=account))
        assert found(aborted) == (*self.ABORTED, LOW)

    @pytest.mark.parametrize(
        "records",
        [
            (BY_SYSTEM,),
            (BY_SYSTEM, by_command(10)),
            (initiated(8, r"C:\App\setup.exe", "0x80000000"), BY_SYSTEM),
        ],
        ids=["of an earlier shutdown", "and asked for again", "of another's shutdown"],
    )
    def test_not_blamed(self, records: tuple[object, ...]) -> None:
        assert diagnose(self.aborted(*records)).confidence is LOW
        assert diagnose(self.aborted(*records)).cause is not Cause.DAMAGED_SYSTEM

    def test_a_press_counts_nothing_down_so_the_countdown_was_anothers(self) -> None:
        ignored = obs(
            baseline=baseline(button=button(0)),
            samples=(sample(REACTED, by_command(), self.BY_SYSTEM),),
        )
        assert diagnose(ignored).cause is not Cause.DAMAGED_SYSTEM


class TestCoreProcessEnded:
    TERMINATED = (STAYED, Cause.DAMAGED_SYSTEM, HIGH)
    WITHOUT = tuple(p for p in DESKTOP if p.name != "lsass.exe")

    def test_it_is_missing_and_its_restart_keeps_the_press_out(self) -> None:
        assert found(obs(samples=samples([REACTED], processes=self.WITHOUT))) == self.TERMINATED

    def test_its_restart_was_announced(self) -> None:
        assert found(obs(samples=(sample(REACTED, CORE_PROCESS_DIED),))) == self.TERMINATED

    def test_the_restart_that_comes_is_waited_for(self) -> None:
        assert not is_conclusive(obs(samples=(sample(REACTED, CORE_PROCESS_DIED),)))

    def test_a_list_that_could_not_be_read_misses_nothing(self) -> None:
        assert found(obs(samples=(sample(unread=["processes"]),))) == INCONCLUSIVE
        nothing_known = obs(
            baseline=baseline(processes=()), samples=(sample(unread=["processes"]),)
        )
        assert found(nothing_known) == INCONCLUSIVE


def test_a_shutdown_given_up_on_its_screen_names_nobody() -> None:
    given_up = obs(samples=(sample(SPENT - 1, BY_BUTTON, record(9, 1073)),), ended_at=SPENT)
    assert found(given_up) == INCONCLUSIVE
