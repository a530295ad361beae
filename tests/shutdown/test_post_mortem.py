from __future__ import annotations

from datetime import UTC, datetime

from powerdown.shutdown.post_mortem import PostMortem, worth_keeping
from powerdown.windows.event_records import EventRecord

AT = datetime(2026, 3, 1, tzinfo=UTC)


def record(number: int, event_id: int, provider: str = "EventLog") -> EventRecord:
    return EventRecord(number, provider, event_id, AT, {})


STARTED = record(1, 6005)
EARLIER = record(2, 1074, "User32")
ABORTED = record(3, 1075, "User32")
BEGUN = record(4, 1074, "USER32")
ENDED = record(5, 6006)
ANOTHERS = record(6, 1074, "Some other program")
LOG = (record(0, 1074, "User32"), STARTED, EARLIER, ABORTED, BEGUN, ENDED, ANOTHERS)


def test_what_is_newer_than_the_command() -> None:
    assert PostMortem(0.0, LOG).of_stop(2) == (ABORTED, BEGUN, ENDED)
    assert PostMortem(0.0, LOG).of_stop(5) == ()


def test_without_a_number_to_begin_at_it_is_the_last_shutdown_of_the_session() -> None:
    assert PostMortem(0.0, LOG).of_stop(None) == (BEGUN, ENDED)
    assert PostMortem(0.0, (BEGUN, record(9, 6005))).of_stop(None) == ()
    assert PostMortem(0.0, (BEGUN,)).of_stop(None) == (BEGUN,)
    assert PostMortem(0.0, ()).of_stop(None) == ()


def test_a_log_that_could_not_be_read_is_not_an_empty_one() -> None:
    assert PostMortem(0.0, None).of_stop(2) is None


def test_only_starts_and_stops_are_kept() -> None:
    kept = (STARTED, BEGUN, ENDED, record(7, 41, "Microsoft-Windows-Kernel-Power"))
    assert all(worth_keeping(one) for one in kept)
    assert not any(worth_keeping(one) for one in (ANOTHERS, record(8, 7036)))
