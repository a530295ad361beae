"""Jobs that nobody waits for, until the end."""

from __future__ import annotations

import threading

import pytest

from powerdown.report.background_writer import BackgroundWriter
from powerdown.report.json_object import ReportFormatError

PATIENCE = 10.0


def test_nobody_waits_for_a_job_before_the_end() -> None:
    clerk, may_go_on, done = BackgroundWriter(), threading.Event(), []

    def job(number: int) -> None:
        assert may_go_on.wait(PATIENCE)
        done.append((number, threading.current_thread().name))

    for number in range(3):
        clerk.do(lambda number=number: job(number))  # type: ignore[misc]
    assert done == []
    may_go_on.set()
    clerk.finish()
    assert [number for number, _ in done] == [0, 1, 2]
    assert {name for _, name in done} == {"clerk_0"}
    clerk.finish()


def test_a_job_that_fails_is_told_and_keeps_none_of_the_others() -> None:
    clerk, done = BackgroundWriter(), []

    def fail() -> None:
        raise OSError("No space left on device")

    clerk.do(fail)
    clerk.do(lambda: done.append("after"))
    with pytest.raises(ReportFormatError, match="OSError: No space left on device") as told:
        clerk.finish()
    assert isinstance(told.value.__cause__, OSError)
    assert done == ["after"]
    clerk.finish()


def test_what_else_failed_is_told_too() -> None:
    clerk = BackgroundWriter()

    def fail(words: str) -> None:
        raise OSError(words)

    clerk.do(lambda: fail("first"))
    clerk.do(lambda: fail("second"))
    with pytest.raises(ReportFormatError, match="first") as told:
        clerk.finish()
    assert told.value.__notes__ == ["failed besides: OSError: second"]


def test_an_error_that_says_what_to_do_is_passed_on() -> None:
    clerk = BackgroundWriter()

    def fail() -> None:
        raise ReportFormatError("draw", "no room", "Make some.")

    clerk.do(fail)
    with pytest.raises(ReportFormatError, match="no room") as told:
        clerk.finish()
    assert told.value.remedy == "Make some."


def test_its_thread_ends_with_it() -> None:
    clerk = BackgroundWriter()
    clerk.do(lambda: None)
    clerk.finish()
    assert [t.name for t in threading.enumerate() if t.name.startswith("clerk")] == []
