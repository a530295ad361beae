"""Small questions to an observation that the rules share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.diagnosis import initiation, outside_activity, predicates, progress, screen_words
from powerdown.shutdown.observation import ChannelState, Command
from powerdown.windows.event_records import EventRecord
from powerdown.windows.processes import ProcessEntry
from tests.support.observations import (
    BY_BUTTON,
    BY_SERVICING,
    DESKTOP,
    HOLDER,
    PLAIN,
    REACTED,
    STOPPING,
    UPDATER,
    WINDOWS_OWN,
    baseline,
    by_command,
    closed,
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
    works,
)

ABORTED = record(9, 1075)


class TestInitiation:
    @pytest.mark.parametrize(
        ("records", "under_way"),
        [
            ((), None),
            ((BY_BUTTON,), BY_BUTTON),
            ((BY_BUTTON, ABORTED), None),
            ((BY_BUTTON, record(9, 1073)), None),
            ((BY_BUTTON, ABORTED, by_command(10)), by_command(10)),
            ((record(7, 1073), BY_BUTTON), BY_BUTTON),
            ((BY_BUTTON, record(9, 6006, "EventLog")), BY_BUTTON),
        ],
    )
    def test_what_was_called_off_is_not_under_way(
        self, records: tuple[EventRecord, ...], under_way: object
    ) -> None:
        assert initiation.initiated(obs(samples=(sample(REACTED, *records),))) == under_way

    def test_the_last_look_that_could_read_the_log_counts(self) -> None:
        shown = (sample(103.0, BY_BUTTON), sample(105.0, unread=["records"]))
        assert initiation.initiated(obs(samples=shown)) == BY_BUTTON

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            (r"C:\Windows\System32\winlogon.exe (PC)", "winlogon.exe"),
            (r"C:\Program Files (x86)\App\Setup.EXE (PC)", "setup.exe"),
            (r"C:\Program Files (x86)\App\setup.exe", "setup.exe"),
            ("winlogon.exe", "winlogon.exe"),
            ("Explorer.EXE", "explorer.exe"),
            ("", ""),
            (")", ""),
        ],
    )
    def test_the_process_of_a_record(self, text: str, name: str) -> None:
        assert initiation.process(record(8, 1074, param1=text)) == name

    @pytest.mark.parametrize(
        ("command", "options"),
        [
            ("shutdown /s /t 0", {"s": None, "t": 0}),
            ("shutdown.exe -R -T 30 -f", {"r": None, "t": 30, "f": None}),
            ('shutdown /s /t:5 /c "update / done"', {"s": None, "t": 5, "c": None}),
            ("powerdown", {}),
        ],
    )
    def test_options_of_a_command_line(self, command: str, options: dict[str, object]) -> None:
        assert initiation.command_options(command) == options

    @pytest.mark.parametrize(
        ("records", "kind"),
        [
            ((BY_BUTTON,), None),
            ((BY_SERVICING, BY_BUTTON), BY_SERVICING),
            ((initiated(kind="Neustart"),), None),
            ((initiated(kind="Redémarrer", reason="0x0", process="x.exe"),), "Redémarrer"),
        ],
    )
    def test_who_may_have_asked_for_a_restart(
        self, records: tuple[EventRecord, ...], kind: object
    ) -> None:
        asked = initiation.restart(obs(samples=(sample(REACTED, *records),)))
        if isinstance(kind, str):
            assert asked is not None
            assert asked.data["param5"] == kind
        else:
            assert asked == kind

    @given(st.text(), st.text(), st.text())
    def test_any_text_of_a_record(self, process: str, reason: str, kind: str) -> None:
        odd = record(8, 1074, param1=process, param4=reason, param5=kind)
        for observation in (obs(samples=(sample(REACTED, odd),)), inside(process, samples=())):
            assert isinstance(initiation.may_count_down(observation, odd), bool)
            assert isinstance(initiation.is_answer(observation, odd), bool)
            initiation.restart(observation)

    @pytest.mark.parametrize(
        ("process", "reason", "to_press", "to_command"),
        [
            (r"C:\Windows\System32\winlogon.exe", "0x500ff", True, False),
            (r"C:\Windows\System32\winlogon.exe", "0x80020003", False, False),
            (r"C:\Windows\System32\shutdown.exe", "0x800000ff", False, True),
            ("wininit.exe", "0x800000ff", False, True),
            ("wininit.exe", "0x50006", False, False),
        ],
    )
    def test_what_may_answer_a_command(
        self, process: str, reason: str, to_press: bool, to_command: bool
    ) -> None:
        entry = initiated(8, process, reason)
        assert initiation.is_answer(obs(), entry) is to_press
        assert initiation.is_answer(inside("shutdown /s /t 0"), entry) is to_command

    def test_a_restart_for_an_upgrade_is_no_press(self) -> None:
        assert initiation.is_anothers(obs(), initiated(8, "winlogon.exe", "0x80020003"))

    def test_who_asks_through_exit_windows_counts_nothing_down(self) -> None:
        assert not initiation.may_count_down(obs(), BY_BUTTON)
        assert initiation.may_count_down(obs(), by_command())
        assert initiation.is_anothers(obs(), by_command())
        assert not initiation.is_anothers(obs(), initiated(8, "explorer.exe", "0x0"))
        assert not initiation.is_anothers(inside("shutdown /s"), BY_SERVICING)


class TestProgress:
    def test_the_shell_tells_whether_the_session_is_over(self) -> None:
        assert progress.session_is_over(obs(), sample()) is False
        assert progress.session_is_over(obs(), sample(processes=WINDOWS_OWN)) is True

    def test_a_shell_of_another_session_is_none(self) -> None:
        remote = (*WINDOWS_OWN, ProcessEntry("explorer.exe", 9, 2))
        assert progress.session_is_over(obs(), sample(processes=remote)) is True

    def test_a_shell_started_anew_is_one(self) -> None:
        anew = (*WINDOWS_OWN, ProcessEntry("Explorer.EXE", 9999, 1))
        assert progress.session_is_over(obs(), sample(processes=anew)) is False

    def test_nobody_has_no_session(self) -> None:
        assert progress.session_is_over(obs(baseline=nobody()), sample()) is True

    @pytest.mark.parametrize(
        "change",
        [
            {"baseline": None},
            {"baseline": baseline(console=None)},
            {"baseline": baseline(processes=())},
        ],
    )
    def test_what_cannot_be_told(self, change: dict[str, object]) -> None:
        assert progress.session_is_over(obs(**change), sample()) is None
        assert progress.session_is_over(obs(), sample(unread=["processes"])) is None

    def test_what_a_service_accepts_is_known_from_before(self) -> None:
        shown = preparing((110.0,), HOLDER, UPDATER)
        names = [s.name for s in progress.holders(obs(samples=shown), shown[0])]
        assert names == [HOLDER, UPDATER]

    def test_a_service_started_meanwhile_counts_once_it_was_seen_to_run(self) -> None:
        before = baseline(services=(PLAIN,))
        started = sample(105.0, BY_BUTTON, services=(service("Late"), PLAIN))
        working = preparing((110.0,), "Late")[0]
        assert progress.holders(obs(baseline=before, samples=(started, working)), working)
        assert not progress.holders(obs(baseline=before, samples=(working,)), working)

    def test_a_guest_that_was_being_stopped_before(self) -> None:
        assert progress.was_ending(obs(baseline=baseline(services=(service("x", STOPPING),))))
        assert not progress.was_ending(obs())
        assert not progress.was_ending(obs(baseline=None))

    def test_a_core_process_is_missed_only_in_a_real_list(self) -> None:
        without = tuple(p for p in DESKTOP if p.name != "lsass.exe")
        assert progress.lacks_core_process(obs(samples=samples([REACTED], processes=without)))
        odd = samples([REACTED], processes=(ProcessEntry("x.exe", 1, 1),))
        assert not progress.lacks_core_process(obs(samples=odd))
        assert not progress.lacks_core_process(obs(baseline=None, samples=()))


class TestLoad:
    @pytest.mark.parametrize(
        ("share", "pinned", "still"),
        [(1.0, True, False), (0.95, True, False), (0.5, False, False), (0.0, False, True)],
    )
    def test_share_of_the_cpus(self, share: float, pinned: bool, still: bool) -> None:
        busy = obs(activity=works(share))
        assert outside_activity.cpu_share(busy) == pytest.approx(share)
        assert (outside_activity.is_pinned(busy), outside_activity.cpus_halted(busy)) == (
            pinned,
            still,
        )

    def test_two_cpus_have_twice_the_time(self) -> None:
        assert outside_activity.cpu_share(obs(activity=works(1.0), vcpus=2)) == pytest.approx(0.5)

    def test_one_sample_measures_nothing(self) -> None:
        alone = obs(activity=works(1.0)[:2])
        assert outside_activity.cpu_share(alone) is None
        assert not outside_activity.is_pinned(alone)
        assert not outside_activity.cpus_halted(alone)
        assert not outside_activity.is_starved(alone)

    def test_a_guest_that_waits_for_the_host(self) -> None:
        soon, late = works(1.0, REACTED, ran=0.4), works(1.0, ran=0.4)
        assert outside_activity.is_starved(obs(activity=soon))
        assert not outside_activity.is_starved(obs(activity=late)), "it had its time by then"
        assert not outside_activity.is_starved(obs(activity=works(1.0, REACTED, ran=0.6)))
        assert outside_activity.is_starved(obs(activity=works(1.0, ran=0.04)))

    def test_writes(self) -> None:
        writing = obs(activity=works(0.1, 160.0, bytes_a_second=10_000), ended_at=160.0)
        assert outside_activity.writes_between(writing, 100.0, 160.0) == 600_000
        assert outside_activity.still_writing(writing)
        assert not outside_activity.still_writing(obs(activity=works(0.1, bytes_a_second=10)))

    def test_a_screen_that_was_not_seen_has_not_changed_nor_stayed(self) -> None:
        assert outside_activity.screen_changed(obs(screens=())) is None
        assert outside_activity.screen_changed(obs(screens=screens((99.0, "a", False)))) is None
        assert outside_activity.screen_was_dark(obs(screens=())) is None
        assert outside_activity.screen_lit(obs(screens=())) is None

    def test_words_are_found_across_lines_and_in_any_case(self) -> None:
        assert outside_activity.shows("This APP is\npreventing  shutdown", ["preventing shutdown"])
        assert outside_activity.shows(None, ["x"]) is None


def test_words_that_were_there_before_tell_nothing() -> None:
    shown = {"screen_text": "Shut down anyway"}
    assert screen_words.blocked(obs(**shown)) == "shut down anyway"
    assert screen_words.blocked(obs(**shown, screen_text_before="shut down anyway")) is None


class TestQuiet:
    def test_a_look_after_it_had_time_to_react(self) -> None:
        assert predicates.is_quiet(obs())
        assert not predicates.is_quiet(obs(samples=(sample(103.0),)))
        assert predicates.is_quiet(obs(samples=(sample(103.2),)))

    def test_the_time_to_react_begins_when_the_press_was_taken(self) -> None:
        late = obs(pm1_after=(obs().pm1_after[0], look_at_latch(102.0)))
        assert not predicates.is_quiet(late)
        assert not predicates.took_it_without_reaction(late)

    @pytest.mark.parametrize("control", [c for c in ChannelState if c is not ChannelState.ALIVE])
    def test_one_that_does_not_answer_is_not_quiet(self, control: ChannelState) -> None:
        assert not predicates.is_quiet(obs(control=control))

    def test_the_port_was_closed_only_if_nothing_answered_after_it(self) -> None:
        assert predicates.services_ended_at(obs(events=(closed(103.0),), samples=())) == 103.0
        assert predicates.services_ended_at(obs(events=(closed(103.0),))) is None

    def test_what_was_commanded_was_taken_or_not(self) -> None:
        assert predicates.command_taken(obs())
        assert predicates.command_taken(inside("shutdown /s"))
        assert not predicates.command_taken(obs(pm1_after=()))
        assert not predicates.command_taken(obs(command=Command.KILL))


def look_at_latch(at: float) -> object:
    """The latch cleared at this time."""
    return type(obs().pm1_after[0])(at=at, status=0, enable=0x0120)
