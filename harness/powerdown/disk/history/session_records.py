"""Records of the System log, grouped by session: from one start to the next.

A session's records are not contiguous. Records of a stop can come after EventLog 6005 of the next
start (Kernel-Power 109 and Kernel-General 13 on Windows 10), or all records of a start before its
6005; :mod:`last_start` describes both orders. An unexpected end is recorded only at the next start.

Records are assigned by their order. The clock may be set, and record numbers may be reused after a
power cut, so times decide only what the order leaves open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from powerdown.disk.history.power_records import (
    BUGCHECK_SOURCES,
    EVENT_LOG,
    KERNEL_BOOT,
    KERNEL_GENERAL,
    KERNEL_POWER,
    POWER_TROUBLESHOOTER,
    SERVICE_CONTROL,
    USER32,
    is_one,
    whole_number,
)
from powerdown.disk.history.system_log import Gap
from powerdown.windows.event_records import EventRecord

_STARTING = timedelta(minutes=5)
"""Kernel-Power 41 is written within seconds of the start, by the time in it (real logs)."""

_SLACK = timedelta(minutes=1)

_LOOK_AHEAD = 100

HIBERNATE_STATE = 5
SHUTDOWN_STATE = 6
"""Of SYSTEM_POWER_STATE (wdm.h). Kernel-Power 42 with target 5 and effective 5 is hibernation, with
effective 6 a shutdown that starts fast (learn: Distinguishing Fast Startup from
Wake-from-Hibernation, which says so of the IRP; of 42 it is fact:record-42-states)."""


@dataclass
class SessionRecords:
    """Records of one session, in the recorded order.

    :param cold: whether it began with a start of the kernel rather than a resume from disk.
    :param began: whether its start is in the log.
    :param begun: records of its start.
    :param own: records of the session, including its stop.
    :param reported: records of the next start about its end: 41, 6008, 1001.
    :param written: the records in ``begun`` and ``own``.
    :param all: the records in ``written`` and ``reported``.
    :param gaps: gaps in the log that may contain records of it.
    """

    cold: bool
    began: bool = True
    begun: list[EventRecord] = field(default_factory=list)
    own: list[EventRecord] = field(default_factory=list)
    reported: list[EventRecord] = field(default_factory=list)
    written: list[EventRecord] = field(default_factory=list)
    all: list[EventRecord] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def sort_into_sessions(
    records: Sequence[EventRecord], gaps: Sequence[Gap] = ()
) -> list[SessionRecords]:
    """Group the records of a log by session, the oldest first.

    The first session may have begun before the log.

    :param records: power records, in the recorded order; each belongs to one session.
    """
    sorter = _Sorter(records, gaps)
    for index in range(len(records)):
        sorter.take(index)
    return sorter.sessions()


def is_saved(record: EventRecord) -> bool:
    """Whether this is the Kernel-Power 42 of a session being saved to disk."""
    if not is_one(record, KERNEL_POWER, 42):
        return False
    states = [whole_number(record, name) for name in ("TargetState", "EffectiveState")]
    return any(state in (HIBERNATE_STATE, SHUTDOWN_STATE) for state in states)


def is_resumed_boot(record: EventRecord) -> bool:
    """Whether this is the Kernel-Boot 27 of a session that was loaded from disk.

    BootType 1 is fast startup (fact:record-boot), 2 resuming from hibernation
    (fact:record-boot-type-resume).
    """
    return is_one(record, KERNEL_BOOT, 27) and whole_number(record, "BootType") in (1, 2)


def _is_activity(record: EventRecord) -> bool:
    """Whether only a running session writes this, so that its start is complete."""
    return (
        is_one(record, EVENT_LOG, 6006)
        or is_one(record, USER32, 1073, 1074, 1075, 1076)
        or is_one(record, KERNEL_POWER, 42, 107, 506, 507)
        or is_one(record, POWER_TROUBLESHOOTER, 1)
        or is_one(record, SERVICE_CONTROL, 7043)
    )


def _only_resumes(record: EventRecord) -> bool:
    return is_one(record, KERNEL_POWER, 107) or is_one(record, POWER_TROUBLESHOOTER, 1)


def _is_kernel_stop(record: EventRecord) -> bool:
    return is_one(record, KERNEL_GENERAL, 13) or is_one(record, KERNEL_POWER, 109)


@dataclass
class _Start:
    """A start while its records are collected; they are given by their index in the log.

    :param first: its first record.
    :param kernel: Kernel-General 12.
    :param log: records of EventLog by number: 6008, 6011, 6009, and 6005 as the last.
    :param cut: Kernel-Power 41.
    :param fresh: whether no later record shows a running session.
    :param typed: whether its Kernel-Boot 27 was found.
    """

    first: int
    cold: bool = True
    kernel: int | None = None
    log: dict[int, int] = field(default_factory=dict)
    cut: int | None = None
    fresh: bool = True
    typed: bool = False


class _Sorter:
    """Assigns each record of a log to a session, in one pass.

    The session before the first start has the number 0, that of the first start 1.
    """

    def __init__(self, records: Sequence[EventRecord], gaps: Sequence[Gap]) -> None:
        self._records = records
        numbers = [record.record_id for record in records]
        self._gaps: dict[int, list[Gap]] = {}
        for gap in gaps:
            self._gaps.setdefault(bisect_right(numbers, gap.last), []).append(gap)
        self._starts: list[_Start] = []
        self._owner: dict[int, tuple[int, str]] = {}
        self._saved = False
        self._held: list[int] = []

    def take(self, index: int) -> None:
        """Assign the record at this index, now or after later ones."""
        record = self._records[index]
        current = self._starts[-1] if self._starts else None
        if current is not None and index in self._gaps and not self._near(record, current):
            current.fresh = False
        if is_one(record, KERNEL_GENERAL, 12):
            self._take_kernel(index, current)
        elif is_one(record, EVENT_LOG, 6005, 6008, 6009, 6011):
            self._take_log(index, current)
        elif is_one(record, KERNEL_POWER, 41):
            self._take_cut(index, current)
        elif self._is_start_of_saved(record, current):
            self._take_resumed(index, current)
        else:
            self._take_other(index, current)

    def sessions(self) -> list[SessionRecords]:
        """The sessions found."""
        found = [
            SessionRecords(cold=False, began=False),
            *(SessionRecords(s.cold) for s in self._starts),
        ]
        self._release(len(self._starts))
        for index, record in enumerate(self._records):
            session, part = self._owner[index]
            parts = found[session]
            {"begun": parts.begun, "own": parts.own, "reported": parts.reported}[part].append(
                record
            )
            parts.all.append(record)
            if part != "reported":
                parts.written.append(record)
        for index, gaps in self._gaps.items():
            for session in self._beside(index):
                found[session].gaps += gaps
        first = found[0]
        return found if first.all else found[1:]

    # Starts

    def _take_kernel(self, index: int, current: _Start | None) -> None:
        if current is not None and self._is_kernel_of(index, current):
            current.kernel = index
            # The kernel's records of the previous stop are between EventLog's and the kernel's.
            for between in range(current.first, index):
                if _is_kernel_stop(self._records[between]):
                    self._put(between, len(self._starts) - 1, "own")
        else:
            self._begin(_Start(index, kernel=index))
        self._put(index, len(self._starts), "begun")

    def _is_kernel_of(self, index: int, current: _Start) -> bool:
        """Whether a Kernel-General 12 belongs to a start whose other records precede it."""
        open_yet = current.cold and current.fresh and current.kernel is None and current.log
        if not open_yet or current.cut is not None:
            return False
        # The kernel starts first, whichever record comes first.
        return self._records[index].created <= self._latest(current) + _SLACK

    def _take_log(self, index: int, current: _Start | None) -> None:
        number = self._records[index].event_id
        if current is None or not self._is_log_of(index, current):
            current = self._begin(_Start(index))
        current.log[number] = index
        # 6008 is about the previous session.
        reported = number == 6008
        self._put(index, len(self._starts) - reported, "reported" if reported else "begun")

    def _is_log_of(self, index: int, current: _Start) -> bool:
        number = self._records[index].event_id
        if not (current.cold and current.fresh) or number in current.log:
            return False
        if 6005 not in current.log:
            return True
        # After 6005 only a 6008 without another start after it.
        near = abs(self._records[index].created - self._latest(current)) <= _SLACK
        return number == 6008 and near and not self._start_follows(index)

    def _start_follows(self, index: int) -> bool:
        for later in self._records[index + 1 : index + 1 + _LOOK_AHEAD]:
            if is_one(later, EVENT_LOG, 6005, 6009):
                return True
            if is_one(later, KERNEL_GENERAL, 12) or _is_activity(later):
                return False
        return False

    def _take_cut(self, index: int, current: _Start | None) -> None:
        if current is None or not self._is_cut_of(index, current):
            current = self._begin(_Start(index))
        current.cut = index
        self._put(index, len(self._starts) - 1, "reported")

    def _is_cut_of(self, index: int, current: _Start) -> bool:
        if not (current.cold and current.fresh) or current.cut is not None:
            return False
        return self._records[index].created <= self._latest(current) + _STARTING

    def _is_start_of_saved(self, record: EventRecord, current: _Start | None) -> bool:
        if is_resumed_boot(record):
            own = current is not None and current.cold and current.fresh and not current.typed
            return self._saved or not own
        if not self._saved:
            return False
        return _is_activity(record) or is_one(record, EVENT_LOG, 6013)

    def _take_resumed(self, index: int, current: _Start | None) -> None:
        record = self._records[index]
        boot = is_resumed_boot(record)
        open_yet = current is not None and not current.cold and current.fresh and not self._saved
        if current is None or not open_yet or current.typed:
            current = self._begin(_Start(index, cold=False))
        current.typed |= boot
        current.fresh = boot or _only_resumes(record)
        self._saved = is_saved(record)
        self._put(index, len(self._starts), "begun" if current.fresh else "own")

    def _begin(self, start: _Start) -> _Start:
        self._starts.append(start)
        self._saved = False
        self._release(len(self._starts))
        return start

    # Other records

    def _take_other(self, index: int, current: _Start | None) -> None:
        record = self._records[index]
        latest = len(self._starts)
        if self._saved and (is_one(record, KERNEL_GENERAL, 1) or is_one(record, KERNEL_BOOT, 20)):
            # Written at the next start, which has not been reached yet.
            self._held.append(index)
        elif current is None:
            self._put(index, latest, "own")
        elif is_one(record, BUGCHECK_SOURCES, 1001) and current.cold:
            self._put(index, latest - 1, "reported")
        elif _is_kernel_stop(record) and self._belongs_to_previous_stop(record, current):
            self._put(index, latest - 1, "own")
        elif current.fresh and is_one(record, KERNEL_BOOT, 20, 27):
            current.typed |= record.event_id == 27
            self._put(index, latest, "begun")
        elif current.fresh and not current.cold and _only_resumes(record):
            self._put(index, latest, "begun")
        else:
            self._put(index, latest, "own")
            current.fresh = current.fresh and not _is_activity(record)
        self._saved = self._saved or is_saved(record)

    def _belongs_to_previous_stop(self, record: EventRecord, current: _Start) -> bool:
        """Whether a 109 or 13 after a start belongs to the previous stop.

        It does if the kernel's own record of the start follows, which is not known yet. Otherwise
        its time decides: a session does not end before it begins.
        """
        if not (current.cold and current.fresh and current.log) or current.kernel is not None:
            return False
        return record.created < self._latest(current)

    def _put(self, index: int, session: int, part: str) -> None:
        self._owner[index] = (session, part)

    def _release(self, session: int) -> None:
        for index in self._held:
            self._put(index, session, "own")
        self._held = []

    # Times and gaps

    def _latest(self, start: _Start) -> datetime:
        """The latest time in the records of a start."""
        places = [start.first, *start.log.values()]
        return max(self._records[place].created for place in places)

    def _near(self, record: EventRecord, current: _Start) -> bool:
        """Whether a record after a gap may still belong to the current start, by its time."""
        starts = (
            is_one(record, KERNEL_GENERAL, 12)
            or is_one(record, EVENT_LOG, 6005, 6008, 6009, 6011)
            or is_one(record, KERNEL_POWER, 41)
        )
        return starts and abs(record.created - self._latest(current)) <= _STARTING

    def _beside(self, index: int) -> range:
        """The sessions from the one before an index of the log to the one after it."""
        last = len(self._records) - 1
        if last < 0:
            return range(0)
        sides = [self._owner[max(0, index - 1)][0], self._owner[min(index, last)][0]]
        return range(min(sides), max(sides) + 1)
