"""The power history of a guest from its System log: sessions, and how each began and ended.

What is not recorded is unknown; nothing is guessed. Times are those of the guest's clock, in UTC,
as recorded.
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
    """By fast startup or from hibernation; it is not recorded which."""
    UNKNOWN = "before-the-log"


class HappeningKind(StrEnum):
    """Other events of a session that concern its shutdown."""

    REFUSED = "shutdown-refused"
    CALLED_OFF = "shutdown-called-off"
    VETO = "veto"
    SERVICE_OVERRAN = "service-overran"
    EXPLAINED = "unexpected-stop-explained"
    LOG_CLEARED = "log-cleared"


@dataclass(frozen=True)
class Happening:
    """Another event of a session that concerns its shutdown.

    :param who: the program, service or user in the record; empty when there is none.
    """

    kind: HappeningKind
    at: datetime
    who: str
    record: EventRecord


@dataclass(frozen=True)
class SessionStart:
    """The start of a session.

    :param at: when; ``None`` if it was not recorded.
    :param records: the records it is based on.
    """

    kind: StartKind
    at: datetime | None
    records: tuple[EventRecord, ...]


@dataclass(frozen=True)
class Session:
    """A session, from one start to the next.

    :param last_sign: time of its latest record that is not part of its end: it was up until then.
        ``None`` if there is none.
    :param records: all its records, including those of the next start about its end. No record is
        in two sessions.
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
        """Whether the clock was set back: it ends before it begins."""
        return self.start.at is not None and self.end.at is not None and self.end.at < self.start.at


@dataclass(frozen=True)
class PowerHistory:
    """All sessions in a log, the oldest first.

    :param damaged: number of records and chunks that could not be read.
    :param notes: remarks on the log as a whole.
    """

    sessions: tuple[Session, ...]
    damaged: int
    notes: tuple[str, ...]


def power_history(log: SystemLog) -> PowerHistory:
    """The history in a log; any records in any order give one."""
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
        # The start has no records except about the previous session, or of a running session.
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
    """The time of the latest record of a session, including those that are not kept."""
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
    # The user is the second text of 1073 and 1075, after the computer, and the sixth of 1076 (the
    # messages as listed by public tools).
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
        yield "record numbers go back: they were reused, or the log was assembled from several"
    if any(session.went_back for session in sessions):
        yield "times go back: the clock was set, so durations across that are meaningless"
    if any(h.kind is HappeningKind.LOG_CLEARED for s in sessions for h in s.happenings):
        yield "the log was cleared: earlier records are gone"
    elif numbers and numbers[0] > 1 and sessions and sessions[0].start.kind is StartKind.UNKNOWN:
        yield "the log begins within a session: earlier records were overwritten or are missing"
    if any(s.end.kind is EndKind.POWER_LOST for s in sessions):
        yield "a crash that could not write its code looks like a power loss (learn: Event ID 41)"
