"""Selects the records that show how the last session ended."""

from __future__ import annotations

from collections.abc import Sequence

from powerdown.windows.event_records import EventRecord

_EVENT_LOG = "EventLog"
_KERNEL_GENERAL = "Microsoft-Windows-Kernel-General"
_BUGCHECK = 1001


def around_last_start(records: Sequence[EventRecord]) -> tuple[EventRecord, ...]:
    """The records of the last start, and of the stop before it; all when there is one start.

    Cut by order, not by time or number: a clock may be set back, and numbers may be used again
    after a power cut. EventLog 6005 marks a start. Records of a start lie on both sides of its
    6005: 6008 before it; Kernel-General 12 and Kernel-Power 41, and 13 of the stop before, mostly
    behind it (real logs, Windows 10) but also before it. So between two 6005 lie, in turn, the
    rest of the earlier start, its session, and the beginning of the later start:

    - what comes before 6006 belongs to the earlier start;
    - without 6006 the session ended badly. If a 12 follows the later 6005, all in between but
      6008 is of the earlier start. Else the later start begins with the last 12 in between, and
      of what lies before it only a 13 can be of the stop.
    - 1001, which tells of a crash, is written by a program that starts later: in between it
      belongs to an older crash.

    :param records: of ``query_commands.START_PROVIDERS``, in the order recorded.
    """
    starts = [i for i, record in enumerate(records) if _is(record, _EVENT_LOG, 6005)]
    if len(starts) < 2:
        return tuple(records)
    earlier, later = starts[-2:]
    between = [r for r in records[earlier + 1 : later] if r.event_id != _BUGCHECK]
    since = records[later:]
    stops = [i for i, record in enumerate(between) if _is(record, _EVENT_LOG, 6006)]
    boots = [i for i, record in enumerate(between) if _is(record, _KERNEL_GENERAL, 12)]
    if stops:
        between = between[stops[0] :]
    elif any(_is(record, _KERNEL_GENERAL, 12) for record in since):
        between = [record for record in between if _is(record, _EVENT_LOG, 6008)]
    elif boots:
        stop = between[boots[-2] + 1 if len(boots) > 1 else 0 : boots[-1]]
        between = [r for r in stop if _is(r, _KERNEL_GENERAL, 13)] + between[boots[-1] :]
    return (*between, *since)


def _is(record: EventRecord, provider: str, event_id: int) -> bool:
    return record.event_id == event_id and record.provider.lower() == provider.lower()
