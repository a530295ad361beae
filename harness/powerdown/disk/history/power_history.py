"""The power history of a guest, as its System log tells it: sessions, how each began and ended.

What the log does not tell is unknown here; nothing is guessed. Times are those of the guest's
clock, in UTC, as they were recorded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from powerdown.disk.history.clock_change import ClockChange, clock_change
from powerdown.disk.history.event_log_chunks import Stamp
from powerdown.disk.history.power_records import (
    EVENT_LOG_SERVICE,
    KERNEL_BOOT,
    KERNEL_GENERAL,
    KERNEL_POWER,
    SERVICE_CONTROL,
    USER32,
    WINSRV,
    is_one,
    parameter,
    whole_number,
)
from powerdown.disk.history.session_end import EndKind, SessionEnd, end_of
from powerdown.disk.history.session_records import (
    SessionRecords,
    is_resumed_boot,
    sort_into_sessions,
)
from powerdown.disk.history.shutdown_request import ShutdownRequest, requests_in
from powerdown.disk.history.sleeps import Sleep, sleeps_in
from powerdown.disk.history.system_log import SystemLog
from powerdown.windows.event_records import EventRecord


class StartKind(StrEnum):
    """How a session began."""

    COLD = "cold-boot"
    FAST_STARTUP = "fast-startup"
    RESUMED = "resumed-from-hibernation"
    SAVED = "loaded-from-disk"
    """By fast startup or from hibernation: which is not recorded."""
    UNKNOWN = "before-the-log"


class HappeningKind(StrEnum):
    """What else is told of a session that bears on its shutdown."""

    REFUSED = "shutdown-refused"
    CALLED_OFF = "shutdown-called-off"
    VETO = "veto"
    SERVICE_OVERRAN = "service-overran"
    EXPLAINED = "unexpected-stop-explained"
    LOG_CLEARED = "log-cleared"


@dataclass(frozen=True)
class Happening:
    """One of them.

    :param who: the program, service or user it names; empty when it names none.
    """

    kind: HappeningKind
    at: datetime
    who: str
    record: EventRecord


@dataclass(frozen=True)
class SessionStart:
    """The start of a session.

    :param at: when; ``None`` where that was not recorded.
    :param records: what it rests on.
    """

    kind: StartKind
    at: datetime | None
    records: tuple[EventRecord, ...]


@dataclass(frozen=True)
class Session:
    """From one start to the next.

    :param last_sign: the latest record of it that is no part of its end, whatever it says: until
        then it was up. ``None`` where there is none.
    :param records: all that were taken for its own, those of its end that the next start wrote
        too. No record is in two sessions.
    """

    start: SessionStart
    end: SessionEnd
    last_sign: datetime | None
    requests: tuple[ShutdownRequest, ...]
    sleeps: tuple[Sleep, ...]
    happenings: tuple[Happening, ...]
    clock_changes: tuple[ClockChange, ...]
    records: tuple[EventRecord, ...]

    @property
    def went_back(self) -> bool:
        """Whether its times cannot be in order: it ends before it begins."""
        return self.start.at is not None and self.end.at is not None and self.end.at < self.start.at


@dataclass(frozen=True)
class PowerHistory:
    """All sessions that a log tells of, the oldest first.

    :param damaged: records and chunks of the log that could not be read.
    :param notes: what a reader must know of the log as a whole.
    """

    sessions: tuple[Session, ...]
    damaged: int
    notes: tuple[str, ...]


def power_history(log: SystemLog) -> PowerHistory:
    """The history that a log tells. Any records in any order have one."""
    sorted_records = sort_into_sessions(log.records, log.gaps)
    following = [*sorted_records[1:], None]
    signs = sorted(log.last_signs, key=lambda sign: sign.record_id)
    sessions = [
        _session(records, after, signs)
        for records, after in zip(sorted_records, following, strict=False)
    ]
    return PowerHistory(tuple(sessions), log.damaged, tuple(_notes(log, sessions)))


def _session(
    records: SessionRecords, following: SessionRecords | None, last_signs: Sequence[Stamp]
) -> Session:
    own = records.written
    return Session(
        start=_start(records),
        end=end_of(records, following),
        last_sign=_last_sign(own, last_signs, following),
        requests=requests_in(own),
        sleeps=sleeps_in(records.own),
        happenings=tuple(_happenings(own)),
        clock_changes=tuple(filter(None, map(clock_change, own))),
        records=tuple(records.all),
    )


def _start(records: SessionRecords) -> SessionStart:
    begun = tuple(records.begun)
    if not records.began:
        return SessionStart(StartKind.UNKNOWN, None, ())
    if not begun:
        # What tells of the session before, or what only a session that runs writes, is all there
        # is of this start.
        return SessionStart(StartKind.COLD if records.cold else StartKind.SAVED, None, ())
    kernel = [r for r in begun if is_one(r, KERNEL_GENERAL, 12)]
    at = (kernel or begun)[0].created
    types = [whole_number(r, "BootType") for r in begun if is_one(r, KERNEL_BOOT, 27)]
    if records.cold:
        return SessionStart(StartKind.COLD, at, begun)
    kind = {1: StartKind.FAST_STARTUP, 2: StartKind.RESUMED}.get(
        types[0] if types and types[0] is not None else 0, StartKind.SAVED
    )
    resumed = [r for r in begun if is_resumed_boot(r)]
    return SessionStart(kind, (resumed or begun)[0].created, begun)


def _last_sign(
    own: Sequence[EventRecord], signs: Sequence[Stamp], following: SessionRecords | None
) -> datetime | None:
    """The time of the latest record of a session, of those that are not kept as well."""
    kernel = (KERNEL_GENERAL, KERNEL_POWER)
    lived = [record for record in own if not is_one(record, kernel, 13, 109)]
    if not lived:
        return None
    last = lived[-1]
    written = [] if following is None else following.written
    until = min((record.record_id for record in written), default=None)
    behind = len(signs)
    if until is not None:
        behind = bisect_left(signs, until, key=lambda sign: sign.record_id)
    if behind and signs[behind - 1].record_id > last.record_id:
        return signs[behind - 1].created
    return last.created


def _happenings(records: Sequence[EventRecord]) -> Iterator[Happening]:
    for record in records:
        found = _happening(record)
        if found is not None:
            kind, who = found
            yield Happening(kind, record.created, who, record)


def _happening(record: EventRecord) -> tuple[HappeningKind, str] | None:
    # The user is the second text of 1073 and 1075, behind the computer, and the sixth of 1076 (the
    # texts of these messages, as public tools have them).
    if is_one(record, USER32, 1073):
        return HappeningKind.REFUSED, parameter(record, 2)
    if is_one(record, USER32, 1075):
        return HappeningKind.CALLED_OFF, parameter(record, 2)
    if is_one(record, USER32, 1076):
        return HappeningKind.EXPLAINED, parameter(record, 6)
    if is_one(record, WINSRV, 10001, 10002) or is_one(record, KERNEL_POWER, 9, 10, 40):
        names = ("AppName", "ServiceName", "DriverName")
        return HappeningKind.VETO, next(filter(None, map(record.data.get, names)), "")
    if is_one(record, SERVICE_CONTROL, 7043):
        return HappeningKind.SERVICE_OVERRAN, parameter(record, 1)
    if is_one(record, EVENT_LOG_SERVICE, 104) and record.data.get("Channel") == "System":
        return HappeningKind.LOG_CLEARED, record.data.get("SubjectUserName", "")
    return None


def _notes(log: SystemLog, sessions: Sequence[Session]) -> Iterator[str]:
    yield from log.notes
    yield from map(str, log.gaps)
    numbers = [record.record_id for record in log.records]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        yield "numbers of records go back: they were used again, or the log was put together"
    if any(session.went_back for session in sessions):
        yield "times go back: the clock was set, and durations across that mean nothing"
    if any(h.kind is HappeningKind.LOG_CLEARED for s in sessions for h in s.happenings):
        yield "the log was cleared: what was before is gone"
    elif numbers and numbers[0] > 1 and sessions and sessions[0].start.kind is StartKind.UNKNOWN:
        yield "the log begins within a session: what was before was overwritten or is missing"
    if any(s.end.kind is EndKind.POWER_LOST for s in sessions):
        yield "a crash that could not write its code looks like a power loss (learn: Event ID 41)"
