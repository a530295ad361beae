from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdown.core.outcome import Outcome
from powerdown.diagnosis.diagnose import diagnose_previous_stop
from powerdown.diagnosis.verdict import Confidence
from powerdown.disk.history.power_history import HappeningKind, PowerHistory, StartKind
from powerdown.disk.history.session_end import BAD, ORDERLY, EndKind
from powerdown.disk.history.shutdown_request import Wanted
from powerdown.windows.event_records import EventRecord
from powerdown.windows.last_start import around_last_start
from tests.support.power_log import (
    APART,
    BEGINNING,
    WORDS,
    clock_set,
    history_of,
    log_of,
    record,
)

OFF, AGAIN, STOPPED = EndKind.POWERED_OFF, EndKind.RESTARTED, EndKind.STOPPED
LOST, HELD, BUGCHECK = EndKind.POWER_LOST, EndKind.BUTTON_HELD, EndKind.BUGCHECK
SAVED, FAST = EndKind.HIBERNATED, EndKind.FAST_STARTUP
OPEN, UNKNOWN = EndKind.LOG_ENDS, EndKind.UNKNOWN


def ends(history: PowerHistory) -> list[EndKind]:
    return [session.end.kind for session in history.sessions]


# All of a start lies in front of its 6005 (older releases, the stand-in).
FIRST = "12 20 27 6009 6005"
# The kernel's part of it lies behind (real logs of Windows 10).
BEHIND = "6009 6005 6013 12@-20 20@-20 27@-20"


@pytest.mark.parametrize("start", [FIRST, BEHIND])
@pytest.mark.parametrize(
    ("stop", "told", "kind", "confidence"),
    [
        ("1074 6006 109 13", "", OFF, Confidence.HIGH),
        ("1074again 6006 109again 13", "", AGAIN, Confidence.HIGH),
        # A domain controller (fact:record-order-dc), 13 there and missing.
        ("1074 109 6006 13", "", OFF, Confidence.HIGH),
        ("1074again 109again 6006", "", AGAIN, Confidence.HIGH),
        # 6006 before 1074, as a real log of a set-up has it.
        ("6006 1074again 109again 13", "", AGAIN, Confidence.HIGH),
        ("6006", "", STOPPED, Confidence.HIGH),
        ("13", "", STOPPED, Confidence.HIGH),
        ("1074other 6006 109 13", "", OFF, Confidence.HIGH),
        ("1074other 6006 13", "", STOPPED, Confidence.HIGH),
        ("1074 6006", "", OFF, Confidence.HIGH),
        ("1074again 6006", "", AGAIN, Confidence.HIGH),
        ("1074again 6006 109halt 13", "", AGAIN, Confidence.HIGH),
        ("6006 109halt 13", "", STOPPED, Confidence.HIGH),
        ("", "41 6008", LOST, Confidence.MEDIUM),
        ("", "41", LOST, Confidence.LOW),
        ("", "6008", LOST, Confidence.LOW),
        ("42", "41 6008", LOST, Confidence.MEDIUM),
        ("", "41held 6008", HELD, Confidence.MEDIUM),
        ("", "41long", HELD, Confidence.LOW),
        ("", "41code 6008", BUGCHECK, Confidence.HIGH),
        ("", "41code", BUGCHECK, Confidence.HIGH),
        ("", "41 6008 1001", BUGCHECK, Confidence.HIGH),
        ("", "6008 1001", BUGCHECK, Confidence.HIGH),
        ("", "41bare 6008", UNKNOWN, Confidence.LOW),
        ("", "41bare", UNKNOWN, Confidence.LOW),
        ("", "", UNKNOWN, Confidence.LOW),
        ("", "1001", UNKNOWN, Confidence.LOW),
        # Cut while it shut down: the event log's service had ended, the kernel had not.
        ("1074 6006", "41 6008", LOST, Confidence.LOW),
        ("1074 6006", "41held", HELD, Confidence.LOW),
        # What does not agree is not decided.
        ("1074 6006 109 13", "41 6008", UNKNOWN, Confidence.LOW),
        ("1074 6006 109 13", "6008", UNKNOWN, Confidence.LOW),
        ("1074 6006 109 13", "1001", UNKNOWN, Confidence.LOW),
        ("1074 6006 109 13", "41code", BUGCHECK, Confidence.LOW),
    ],
)
def test_each_end_is_told(
    start: str, stop: str, told: str, kind: EndKind, confidence: Confidence
) -> None:
    log = f"{start} [3600] {second_start(start, stop, told)}"
    history = history_of(log)
    assert ends(history) == [kind, OPEN], log
    end = history.sessions[0].end
    assert end.confidence is confidence
    assert all(found in history.sessions[0].records for found in end.records)
    assert [session.start.kind for session in history.sessions] == [StartKind.COLD] * 2
    if kind is BUGCHECK:
        assert end.bugcheck == 0x9F


def second_start(layout: str, stop: str, told: str) -> str:
    """A stop, a minute off, and the next start with what it tells; in the order of a layout."""
    if layout == FIRST:
        rest = [word for word in told.split() if not word.startswith("1001")]
        late = [word for word in told.split() if word.startswith("1001")]
        return f"{stop} [60] 12 20 27 {' '.join(rest)} 6009 6005 {' '.join(late)}"
    kernel = {"109", "109again", "109halt", "13"}
    service_stops = max([i for i, word in enumerate(stop.split()) if word == "6006"], default=-1)
    early = [word for i, word in enumerate(stop.split()) if word not in kernel or i < service_stops]
    behind = [
        f"{word}@-110"
        for i, word in enumerate(stop.split())
        if word in kernel and i > service_stops
    ]
    unclean = [word for word in told.split() if word == "6008"]
    rest = [word for word in told.split() if word != "6008"]
    return (
        f"{' '.join(early)} [90] {' '.join(unclean)} 6009 6005 6013 {' '.join(behind)} "
        f"12@-30 20@-30 27@-30 {' '.join(rest)}"
    )


def test_the_log_ends_within_a_session() -> None:
    history = history_of(f"{FIRST} [60] 19")
    (session,) = history.sessions
    assert session.end.kind is OPEN
    assert session.end.records == ()
    assert session.last_sign == session.records[-1].created


def test_the_newest_stop_is_one_even_though_no_start_follows() -> None:
    """On Windows 10 the kernel's records of it are written at the next start."""
    end = history_of(f"{BEHIND} [60] 1074 6006").sessions[-1].end
    assert (end.kind, end.confidence) == (OFF, Confidence.MEDIUM)
    assert history_of(f"{FIRST} [60] 1074 6006 109 13").sessions[-1].end.confidence == "high"


def test_an_open_end_tells_of_a_request_that_nothing_followed() -> None:
    end = history_of(f"{FIRST} [60] 1074").sessions[-1].end
    assert end.kind is OPEN
    assert "a shutdown had been requested, and no record shows that it happened" in end.notes
    assert end.asked is not None


def test_who_asked_and_how_long_it_took() -> None:
    end = history_of(f"{FIRST} [60] 1074 [55] 6006 109 13 [60] {FIRST}").sessions[0].end
    assert end.asked is not None
    assert end.asked.process == r"C:\Windows\system32\shutdown.exe (PC)"
    assert (end.asked.user, end.asked.reason) == ("PC\\tester", 0x800000FF)
    assert (end.asked.reason_text, end.asked.wanted) == ("Other (Planned)", Wanted.POWER_OFF)
    assert end.took == timedelta(seconds=55) + 3 * APART


def test_of_two_requests_of_one_power_off_the_shell_asked() -> None:
    end = history_of(f"{FIRST} 1074shell 1074winlogon 6006 109 13").sessions[0].end
    assert end.asked is not None
    assert "Explorer" in end.asked.process
    assert not end.asked.may_be_button


def test_an_old_request_of_another_is_not_the_reason() -> None:
    end = history_of(f"{FIRST} 1074shell [3600] 1074winlogon 6006 109 13").sessions[0].end
    assert end.asked is not None
    assert end.asked.may_be_button
    assert any("fact:button-reason-code" in note for note in end.notes)


def test_a_request_of_an_older_release_is_read_by_position() -> None:
    end = history_of(f"{FIRST} 1074old 6006").sessions[0].end
    assert end.asked is not None
    assert (end.asked.process, end.asked.user) == ("winlogon.exe", "PC\\tester")
    assert (end.kind, end.asked.may_be_button) == (OFF, True)


def test_a_request_that_was_called_off_asked_for_nothing() -> None:
    history = history_of(f"{FIRST} 1074again 1075 [600] 6006 109 13 {FIRST}")
    first = history.sessions[0]
    assert first.end.asked is None
    assert first.end.kind is OFF
    assert [request.called_off for request in first.requests] == [True]
    assert [h.kind for h in first.happenings] == [HappeningKind.CALLED_OFF]


def test_what_held_a_shutdown_up_is_told() -> None:
    (session,) = history_of(f"{FIRST} 1073 1074 1075 1076 10001 7043 6006").sessions
    assert [(h.kind, h.who) for h in session.happenings] == [
        (HappeningKind.REFUSED, r"PC\tester"),
        (HappeningKind.CALLED_OFF, r"PC\tester"),
        (HappeningKind.EXPLAINED, r"PC\tester"),
        (HappeningKind.VETO, "notes.exe"),
        (HappeningKind.SERVICE_OVERRAN, "Update Orchestrator Service"),
    ]


# Sleep, hibernation, fast startup


def test_sleeps_lie_within_a_session() -> None:
    (session,) = history_of(f"{FIRST} 42 [600] 107 woke [60] 42old [60] 107 506 [9] 507").sessions
    first, second, third = session.sleeps
    assert (first.state, first.reason, first.standby) == (4, 7, False)
    assert (first.wake_source, first.wake_text) == (4, "HID Keyboard Device")
    assert first.at is not None
    assert first.until == first.at + timedelta(seconds=600) + 2 * APART
    assert (second.state, second.reason, second.wake_source) == (4, None, None)
    assert third.standby
    assert session.end.kind is OPEN


def test_a_guest_that_sleeps_at_the_end_of_the_log() -> None:
    (session,) = history_of(f"{FIRST} 42").sessions
    assert session.sleeps[0].until is None
    assert "it had gone to sleep" in session.end.notes


@pytest.mark.parametrize(
    ("saved", "loaded", "end", "start"),
    [
        ("42save", "27resume 107 woke", SAVED, StartKind.RESUMED),
        ("42save", "107 27resume woke", SAVED, StartKind.RESUMED),
        ("42save", "107 woke", SAVED, StartKind.SAVED),
        ("1074shell 42fast", "27fast 107", FAST, StartKind.FAST_STARTUP),
        ("1074shell 42fast", "20 27fast", FAST, StartKind.FAST_STARTUP),
        ("1074shell 42fast", "6013", FAST, StartKind.SAVED),
        # The boot type knows better than 42.
        ("42save", "27fast", FAST, StartKind.FAST_STARTUP),
        # 42 is missing.
        ("1074shell", "27fast", FAST, StartKind.FAST_STARTUP),
        ("", "27resume 107 woke", SAVED, StartKind.RESUMED),
        # Asleep, then loaded from disk: its power had gone meanwhile.
        ("42", "27resume 107 woke", SAVED, StartKind.RESUMED),
    ],
)
def test_a_session_that_is_saved_ends_and_another_begins(
    saved: str, loaded: str, end: EndKind, start: StartKind
) -> None:
    history = history_of(f"{FIRST} [60] {saved} [3600] {loaded} [60] 1074 6006 109 13 {FIRST}")
    assert ends(history) == [end, OFF, OPEN]
    first, second, _ = history.sessions
    assert second.start.kind is start
    assert second.sleeps == ()
    assert [sleep.until for sleep in first.sleeps] in ([], [None])
    if start is not StartKind.SAVED and "42 " not in f"{saved} ":
        assert first.end.confidence is (Confidence.HIGH if "42" in saved else Confidence.MEDIUM)


@pytest.mark.parametrize(
    ("loaded", "session"), [("27resume 107", 1), ("12 20 27 6005", 1), ("", 0)]
)
def test_a_clock_that_is_set_after_saving_is_set_at_the_next_start(
    loaded: str, session: int
) -> None:
    before = log_of(f"{FIRST} 42save")
    slept = timedelta(hours=9)
    change = clock_set(99, before[-1].created, before[-1].created + slept)
    after = log_of(f"{FIRST} 42save {loaded}")[len(before) :]
    later = [replace(entry, created=entry.created + slept) for entry in after]
    sessions = history_of([*before, change, *later]).sessions
    assert [len(found.clock_changes) for found in sessions] == [0] * session + [1]


def test_fast_startup_again_and_again() -> None:
    log = FIRST + " 1074shell 42fast [60] 27fast" * 3 + " 1074again 6006 109again 13 " + FIRST
    assert ends(history_of(log)) == [FAST, FAST, FAST, AGAIN, OPEN]


def test_a_saved_session_that_was_never_loaded() -> None:
    history = history_of(f"{FIRST} 42save [60] {FIRST}")
    assert ends(history) == [SAVED, OPEN]
    assert "it was not resumed: the next start was a cold boot" in history.sessions[0].end.notes


def test_a_power_loss_on_the_way_to_sleep() -> None:
    first = history_of(f"{FIRST} 42save [60] 12 41asleep 6008 6005").sessions[0]
    assert first.end.kind is LOST
    assert "during a transition to or from sleep" in first.end.notes


# Order


def test_records_of_a_stop_behind_the_next_start_are_of_the_stop() -> None:
    history = history_of(f"{BEHIND} 1074 6006 [60] 6009 6005 109@-70 13@-70 12@-30 27@-30")
    first, second = history.sessions
    assert [r.event_id for r in first.end.records] == [1074, 6006, 109, 13]
    assert [r.event_id for r in second.records] == [6009, 6005, 12, 27]


def test_they_are_even_if_the_clock_was_set_back_meanwhile() -> None:
    history = history_of(f"{BEHIND} 1074 6006 [60] 6009 6005 109@7200 13@7200 12@-30 27@-30 19")
    assert ends(history) == [OFF, OPEN]
    assert [r.event_id for r in history.sessions[0].end.records] == [1074, 6006, 109, 13]


def test_they_are_even_if_the_kernels_own_record_of_the_start_is_missing() -> None:
    history = history_of(f"{BEHIND} 1074 6006 [60] 6009 6005 109@-70 13@-70 [60] 1074 6006")
    assert ends(history) == [OFF, OFF]
    assert [r.event_id for r in history.sessions[0].end.records] == [1074, 6006, 109, 13]


@pytest.mark.parametrize(
    "start", ["6008 6005 12@-20 41@-20", "12 41 6008 6005", "12 6005 41@-5 6008", "6005 6008 12 41"]
)
def test_records_of_a_start_in_any_order_are_of_one_start(start: str) -> None:
    history = history_of(f"{FIRST} [600] {start} [600] 1074 6006 109 13")
    assert ends(history) == [LOST, OFF]
    assert [r.event_id for r in history.sessions[0].end.records] in ([41, 6008], [6008, 41])


@pytest.mark.parametrize("missing", ["12", "6009", "6005", "41", "6008"])
@pytest.mark.parametrize("layout", ["12 41 6008 6009 6005", "6008 6009 6005 12@-20 41@-20"])
def test_a_start_is_seen_if_one_of_its_records_is_missing(layout: str, missing: str) -> None:
    start = " ".join(word for word in layout.split() if word.partition("@")[0] != missing)
    history = history_of(f"{FIRST} [600] {start} [600] 1074 6006 109 13")
    assert ends(history) == [LOST, OFF]


def test_power_cuts_one_after_another() -> None:
    log = "12 6005" + " [600] 12 41 6008 6005" * 3
    assert ends(history_of(log)) == [LOST, LOST, LOST, OPEN]
    log = "6005 12@-20" + " [600] 6008 6005 12@-20 41@-20" * 3
    assert ends(history_of(log)) == [LOST, LOST, LOST, OPEN]


def test_power_cuts_within_a_minute() -> None:
    """6008 lies just behind 6005 of the start before it, and is of the one after it."""
    history = history_of("6009 6005 12@-2 6008 6009 6005 12@-2 41@-2 6008 6005 12@-2 41@-2")
    assert ends(history) == [LOST, LOST, OPEN]
    assert [[r.event_id for r in s.end.records] for s in history.sessions] == [
        [41, 6008],
        [41, 6008],
        [],
    ]


def test_what_is_missing_of_two_starts_does_not_make_them_one() -> None:
    """A stop lies between what is left of them."""
    history = history_of("12 27 6009 1074 6006 109 13 6005 20 1074again 6006 109again")
    assert ends(history) == [OFF, AGAIN]


def test_a_guest_that_dies_before_its_event_log_starts() -> None:
    """What the kernel said is lost then; that of the start after it is not."""
    assert ends(history_of("12 6005 [60] 12 41 [3600] 12 41 6008 6005")) == [LOST, LOST, OPEN]


def test_a_log_that_begins_within_a_session() -> None:
    history = history_of(f"19 1074again 6006 109again 13 {FIRST}")
    assert ends(history) == [AGAIN, OPEN]
    assert history.sessions[0].start.kind is StartKind.UNKNOWN
    assert history.sessions[0].start.at is None


def test_a_first_start_that_tells_of_the_session_before() -> None:
    history = history_of("12 41held 6008 6005")
    assert ends(history) == [HELD, OPEN]
    assert history.sessions[0].last_sign is None


def test_a_log_that_was_cleared() -> None:
    history = history_of(f"cleared 19 1074 6006 109 13 {FIRST}")
    assert ends(history) == [OFF, OPEN]
    assert "the log was cleared: earlier records are gone" in history.notes


def test_other_providers_with_the_same_numbers_start_and_end_nothing() -> None:
    log = log_of(f"{FIRST} 6006 12 41 6005")
    strange = [replace(entry, provider="Other") for entry in log[5:]]
    assert ends(history_of([*log[:5], *strange])) == [OPEN]


# Clocks and numbers


def test_a_clock_set_back_does_not_mix_sessions() -> None:
    log = log_of(f"{FIRST} [3600] 1074 6006 109 13 {FIRST} [60] 1074again 6006 109again 13 {FIRST}")
    back = timedelta(days=30)
    later = [replace(entry, created=entry.created - back) for entry in log[9:]]
    history = history_of([*log[:9], *later])
    assert ends(history) == [OFF, AGAIN, OPEN]
    assert history.sessions[0].end.took == 3 * APART


def test_a_clock_that_is_set_is_told_and_spoils_what_was_measured() -> None:
    log = log_of(f"{FIRST} 1074 6006 109 13 {FIRST}")
    ahead = timedelta(hours=2)
    change = clock_set(99, log[5].created, log[5].created + ahead)
    later = [replace(entry, created=entry.created + ahead) for entry in log[6:]]
    first = history_of([*log[:6], change, *later]).sessions[0]
    assert [found.by for found in first.clock_changes] == [ahead]
    assert first.end.kind is OFF
    assert first.end.took is None


def test_a_session_that_ends_before_it_begins_is_noted() -> None:
    log = log_of(f"{FIRST} 1074 6006 109 13 {FIRST}")
    back = timedelta(days=1)
    moved = [log[0], *(replace(entry, created=entry.created - back) for entry in log[1:])]
    history = history_of(moved)
    assert ends(history) == [OFF, OPEN]
    assert any("times go back" in note for note in history.notes)


def test_numbers_that_were_used_again_are_noted_and_the_order_counts() -> None:
    log = log_of(f"{FIRST} [600] 12 41 6008 6005 [600] 1074 6006 109 13")
    again = [replace(entry, record_id=entry.record_id - 3) for entry in log[5:]]
    history = history_of([*log[:5], *again])
    assert ends(history) == [LOST, OFF]
    assert any("were reused" in note for note in history.notes)


def test_missing_records_leave_the_end_unknown() -> None:
    log = log_of(f"{FIRST} [600] 19 19 {FIRST} 1074 6006 109 13")
    kept = [entry for entry in log if entry.record_id != 7]
    history = history_of(kept, gaps=((7, 7),))
    assert ends(history) == [UNKNOWN, OFF]
    assert "records 7 to 7 may contain" in history.sessions[0].end.notes[0]
    assert "records 7 to 7 are missing" in history.notes


def test_records_missing_in_the_last_session_leave_its_end_unknown() -> None:
    log = log_of(f"{FIRST} [600] 19 19 19")
    history = history_of([e for e in log if e.record_id != 7], gaps=((7, 7),))
    assert ends(history) == [UNKNOWN]


def test_missing_records_may_have_been_of_two_starts() -> None:
    log = log_of("12 27 19 19 [7200] 6009 6005 1074 6006 109 13")
    history = history_of([e for e in log if e.record_id not in (3, 4)], gaps=((3, 4),))
    assert ends(history) == [UNKNOWN, OFF]


def test_a_start_torn_by_missing_records_is_one_start() -> None:
    log = log_of(f"{FIRST} 1074 6006 109 13 12 20 27 6009 6005")
    history = history_of([e for e in log if e.record_id not in (11, 12)], gaps=((11, 12),))
    assert ends(history) == [OFF, UNKNOWN]


# Whole histories that are made up, and what was made up is found again.

ENDINGS = {
    # Written by the session; by the kernel at its end; at the next start by the kernel, EventLog.
    "off": ("1074 6006", "109 13", "", "", OFF),
    "again": ("1074again 6006", "109again 13", "", "", AGAIN),
    "double": ("1074shell 1074winlogon 6006", "109 13", "", "", OFF),
    "no 13": ("1074again 6006", "109again", "", "", AGAIN),
    "lost": ("", "", "41", "6008", LOST),
    "lost, asleep": ("42", "", "41asleep", "6008", LOST),
    "only 6008": ("", "", "", "6008", LOST),
    "held": ("", "", "41held", "6008", HELD),
    "crash": ("", "", "41code", "6008", BUGCHECK),
    "hung while it stopped": ("1074 6006", "", "41", "6008", LOST),
    "hibernated": ("42save", "", "27resume 107 woke", "", SAVED),
    "fast startup": ("1074shell 42fast", "", "27fast 107", "", FAST),
}
LIVES = ("", "19", "42 [600] 107 woke", "1074 1075", "42 [60] 107 42old [60] 107", "506 [9] 507")
LAYOUTS = ("kernel first", "kernel behind")


def made_up(sessions: list[tuple[str, str, int]], layout: str) -> str:
    """The log of cold boots and what was saved, in one of the orders that real logs have."""
    words = ["12 27 6009 6005" if layout == "kernel first" else "6009 6005 12@-20 27@-20"]
    for life, ending, seconds in sessions:
        own, kernel, told, unclean, kind = ENDINGS[ending]
        words += [life, f"[{seconds}]", own]
        if kind in (SAVED, FAST):
            words += ["[120]", told]
        elif layout == "kernel first":
            words += [kernel, "[120]", "12 20 27", told, unclean, "6009 6005"]
        else:
            stopped = " ".join(f"{word}@-150" for word in kernel.split())
            words += ["[150]", unclean, "6009 6005", stopped, "12@-20 20@-20 27@-20"]
            words += [f"{word}@-20" for word in told.split()]
    return " ".join(words)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(LIVES), st.sampled_from(sorted(ENDINGS)), st.integers(30, 100_000)
        ),
        max_size=8,
    ),
    st.sampled_from(LAYOUTS),
)
@settings(deadline=None)
def test_what_was_made_up_is_found(sessions: list[tuple[str, str, int]], layout: str) -> None:
    log = made_up(sessions, layout)
    history = history_of(log)
    assert ends(history) == [*(ENDINGS[ending][-1] for _, ending, _ in sessions), OPEN], log
    slept = [
        life.count("42") + life.count("506") + (ending == "lost, asleep")
        for life, ending, _ in sessions
    ]
    assert [len(session.sleeps) for session in history.sessions] == [*slept, 0]


# Any records at all.

ANY_RECORDS = st.lists(
    st.builds(
        record,
        st.sampled_from(sorted(WORDS)),
        st.integers(0, 60),
        st.integers(-5_000, 5_000).map(lambda s: BEGINNING + timedelta(seconds=s)),
    ),
    max_size=40,
)
ANY_GAPS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 5)).map(lambda g: (g[0], sum(g))), max_size=3
).map(tuple)


@given(ANY_RECORDS, ANY_GAPS)
@settings(deadline=None)
def test_any_records_in_any_order_are_a_history(
    records: list[EventRecord], gaps: tuple[tuple[int, int], ...]
) -> None:
    history = history_of(records, gaps)
    places = {id(entry): place for place, entry in enumerate(records)}
    # Distinct objects: each is found in one session.
    told = [places[id(entry)] for session in history.sessions for entry in session.records]
    assert sorted(told) == sorted(set(places.values()))
    for session in history.sessions:
        own = [places[id(entry)] for entry in session.records]
        assert own == sorted(own)
        assert {id(entry) for entry in session.end.records} & {
            id(r) for r in session.start.records
        } == set()
        assert session.end.took is None or session.end.took >= timedelta()
        assert (session.end.bugcheck is None) or session.end.kind is BUGCHECK
    starts = [min((places[id(r)] for r in s.start.records), default=None) for s in history.sessions]
    known = [start for start in starts if start is not None]
    assert known == sorted(known)
    assert all(kind not in (LOST, HELD, BUGCHECK) for kind in ends(history)[-1:])


@given(ANY_RECORDS)
@settings(deadline=None)
def test_no_end_contradicts_the_diagnosis_of_the_same_stop(records: list[EventRecord]) -> None:
    """Where the diagnosis of a running guest is sure, the history does not say otherwise."""
    for session in history_of(records).sessions[:-1]:
        verdict = diagnose_previous_stop(session.end.records)
        if verdict.outcome is Outcome.COMPLETED:
            assert session.end.kind in ORDERLY
        elif verdict.outcome is Outcome.FORCED_OFF:
            assert session.end.kind in (LOST, HELD)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(LIVES), st.sampled_from(sorted(ENDINGS)), st.integers(30, 100_000)
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(LAYOUTS),
)
@settings(deadline=None)
def test_the_last_stop_is_that_which_a_running_guest_is_asked_for(
    sessions: list[tuple[str, str, int]], layout: str
) -> None:
    records = log_of(made_up(sessions, layout))
    kind = ENDINGS[sessions[-1][1]][-1]
    if kind in (SAVED, FAST) or sessions[-1][1] == "hung while it stopped":
        return
    verdict = diagnose_previous_stop(around_last_start(records))
    found = {True: Outcome.COMPLETED, False: Outcome.FORCED_OFF}
    assert verdict.outcome is (Outcome.INCONCLUSIVE if kind is BUGCHECK else found[kind in ORDERLY])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(LIVES), st.sampled_from(sorted(ENDINGS)), st.integers(30, 100_000)
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(LAYOUTS),
    st.data(),
)
@settings(deadline=None)
def test_the_beginning_of_a_log_tells_the_same_but_for_its_last_two_sessions(
    sessions: list[tuple[str, str, int]], layout: str, data: st.DataObject
) -> None:
    records = log_of(made_up(sessions, layout))
    cut = data.draw(st.integers(0, len(records)))
    whole, part = history_of(records), history_of(records[:cut])
    assert len(part.sessions) <= len(whole.sessions)
    settled = part.sessions[:-2]
    assert settled == whole.sessions[: len(settled)]


def test_an_empty_log_has_no_sessions() -> None:
    assert history_of("").sessions == ()


def test_bad_and_orderly_ends_are_told_apart() -> None:
    assert not BAD & ORDERLY
    assert {OPEN, UNKNOWN} == set(EndKind) - BAD - ORDERLY
