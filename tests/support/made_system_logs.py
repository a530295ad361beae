"""System logs of invented machines, as difficult to read as real ones.

They have several chunks and empty ones behind, templates and names shared within a chunk, unnamed
data, UserData, several scripts, and records of other providers with the numbers of power records.
"""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.disk.history.session_end import EndKind
from tests.support.evtx_builder import Record, event_log_of
from tests.support.machine_story import KnownLog, Story


@dataclass(frozen=True)
class MadeLog:
    """A System log, the records that were written, and what is known of it."""

    content: bytes
    records: tuple[Record, ...]
    known: KnownLog


def restarted_log() -> MadeLog:
    """Two restarts; two sleeps in the session that follows, which runs when the log is copied."""
    story = Story()
    story.boot()
    story.days(12)
    story.restart(request_last=True)
    story.days(22)
    story.restart(r"C:\Windows\system32\shutdown.exe (MADE-PC)")
    story.days(18)
    story.sleep()
    story.clear_another_log()
    story.days(9)
    story.sleep()
    story.days(6)
    story.end_of_log(EndKind.LOG_ENDS)
    return _made(story, spare=2, closed=False)


def incomplete_log() -> MadeLog:
    """Two restarts, and records missing in the last session; the log was closed."""
    story = Story()
    story.boot(kernel_first=True)
    story.days(9)
    story.restart()
    story.days(30)
    story.restart(r"C:\Windows\servicing\TrustedInstaller.exe (MADE-PC)")
    story.days(12)
    story.lose_records(262)
    story.days(8)
    story.end_of_log(EndKind.UNKNOWN)
    return _made(story, spare=5, closed=True)


def eventful_log() -> MadeLog:
    """Every kind of end. The first record's number is high, as in a log that has wrapped around."""
    story = Story(number=40_000)
    story.boot()
    story.days(15)
    story.shut_down()
    story.wait(hours=8)
    story.boot()
    story.days(8)
    story.lose_power()
    story.days(6)
    story.sleep()
    story.hold_button()
    story.days(5)
    story.hibernate()
    story.resume_from_hibernation()
    story.days(4)
    story.restart()
    story.crash(0x9F)
    story.days(7)
    story.clear_another_log()
    story.lose_power()
    story.days(5)
    story.end_of_log(EndKind.LOG_ENDS)
    return _made(story, spare=1, closed=False)


def _made(story: Story, *, spare: int, closed: bool) -> MadeLog:
    content = event_log_of(story.records, spare=spare, closed=closed)
    return MadeLog(content, tuple(story.records), story.known())
