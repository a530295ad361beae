"""Jobs that nobody waits for, until the end."""

from __future__ import annotations

import threading

import pytest

from powerdown.report.background_writer import BackgroundWriter
from powerdown.report.document import ReportFormatError

PATIENCE = 10.0


def test_nobody_waits_for_a_job_before_the_end() -> None:
    writer, may_go_on, done = BackgroundWriter(), threading.Event(), []

    def job(number: int) -> None:
        assert may_go_on.wait(PATIENCE)
        done.append((number, threading.current_thread().name))

    for number in range(3):
        writer.submit(lambda number=number: job(number))  # type: ignore[misc]
    assert done == []
    may_go_on.set()
    writer.close()
    assert [number for number, _ in done] == [0, 1, 2]
    assert {name for _, name in done} == {"background-writer_0"}
    writer.close()


def test_a_job_that_fails_is_told_and_keeps_none_of_the_others() -> None:
    writer, done = BackgroundWriter(), []

    def fail() -> None:
        raise OSError("No space left on device")

    writer.submit(fail)
    writer.submit(lambda: done.append("after"))
    with pytest.raises(ReportFormatError, match="OSError: No space left on device") as told:
        writer.close()
    assert isinstance(told.value.__cause__, OSError)
    assert done == ["after"]
    writer.close()


def test_what_else_failed_is_told_too() -> None:
    writer = BackgroundWriter()

    def fail(words: str) -> None:
        raise OSError(words)

    writer.submit(lambda: fail("first"))
    writer.submit(lambda: fail("second"))
    with pytest.raises(ReportFormatError, match="first") as told:
        writer.close()
    assert told.value.__notes__ == ["also failed: OSError: second"]


def test_an_error_that_says_what_to_do_is_passed_on() -> None:
    writer = BackgroundWriter()

    def fail() -> None:
        raise ReportFormatError("draw", "no room", "Make some.")

    writer.submit(fail)
    with pytest.raises(ReportFormatError, match="no room") as told:
        writer.close()
    assert told.value.remedy == "Make some."


def test_its_thread_ends_with_it() -> None:
    writer = BackgroundWriter()
    writer.submit(lambda: None)
    writer.close()
    assert [t.name for t in threading.enumerate() if t.name.startswith("writer")] == []
