"""A power history as text for a terminal: ``powerdown history``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain

from powerdown.core.text import printable
from powerdown.disk.history.clock_change import ClockChange
from powerdown.disk.history.power_history import (
    HappeningKind,
    PowerHistory,
    Session,
    StartKind,
)
from powerdown.disk.history.session_end import EndKind, SessionEnd
from powerdown.disk.history.shutdown_request import ShutdownRequest
from powerdown.disk.history.sleeps import Sleep
from powerdown.windows.event_records import EventRecord

_WIDEST = 120
_NARROWEST = 60
_MOMENT = "%Y-%m-%d %H:%M:%S"
_NOTHING = "-"
_HEADINGS = ("started (UTC)", "start", "ended (UTC)", "end")

_STARTS = {
    StartKind.COLD: "cold boot",
    StartKind.FAST_STARTUP: "fast startup",
    StartKind.RESUMED: "resumed",
    StartKind.SAVED: "saved session",
    StartKind.UNKNOWN: "before log",
}

_ENDS = {
    EndKind.POWERED_OFF: "powered off",
    EndKind.RESTARTED: "restarted",
    EndKind.STOPPED: "stopped in order",
    EndKind.HIBERNATED: "hibernated",
    EndKind.FAST_STARTUP: "off, fast startup",
    EndKind.POWER_LOST: "POWER LOST",
    EndKind.BUTTON_HELD: "BUTTON HELD",
    EndKind.BUGCHECK: "BUGCHECK",
    EndKind.LOG_ENDS: "not recorded",
    EndKind.UNKNOWN: "unknown",
}

_HAPPENINGS = {
    HappeningKind.REFUSED: "a shutdown was refused",
    HappeningKind.CALLED_OFF: "a shutdown was aborted",
    HappeningKind.VETO: "a shutdown or sleep was vetoed",
    HappeningKind.SERVICE_OVERRAN: "a service did not stop in time",
    HappeningKind.EXPLAINED: "an unexpected shutdown was explained",
    HappeningKind.LOG_CLEARED: "the log was cleared",
}

_SLEEP_STATES = {2: "S1", 3: "S2", 4: "S3"}
"""SYSTEM_POWER_STATE (wdm.h)."""


def history_to_text(
    history: PowerHistory, width: int, *, last: int | None = None, evidence: bool = False
) -> str:
    """A power history for a terminal, the latest session last.

    :param width: columns to wrap at, within 60 and 120; event records are never wrapped.
    :param last: show only so many of the latest sessions.
    :param evidence: show the event records behind each line.
    """
    width = max(_NARROWEST, min(width, _WIDEST))
    shown = history.sessions if last is None else history.sessions[-last:]
    lines = [_row(_HEADINGS)] if shown else ["no session is recorded"]
    for session in shown:
        lines += _session(session, width, evidence)
    if len(shown) < len(history.sessions):
        hidden = len(history.sessions) - len(shown)
        lines.append(f"({hidden} earlier session{'s' if hidden > 1 else ''} not shown)")
    if history.notes:
        lines += [
            "",
            *chain.from_iterable(_wrapped(f"note: {n}", width, "") for n in history.notes),
        ]
    return "\n".join(line.rstrip() for line in lines)


def _session(session: Session, width: int, evidence: bool) -> Iterator[str]:
    end = session.end
    how = _ENDS[end.kind]
    if end.kind is EndKind.BUGCHECK and end.bugcheck is not None:
        how += f" 0x{end.bugcheck:x}"
    yield _row((_moment(session.start.at), _STARTS[session.start.kind], _moment(end.at), how))
    for line in _details(session):
        yield from _wrapped(line, width, "    ")
    if evidence:
        yield from _evidence("start", session.start.records)
        for sleep in session.sleeps:
            yield from _evidence("sleep", sleep.records)
        yield from _evidence("also", [happening.record for happening in session.happenings])
        yield from _evidence("end", end.records)


def _details(session: Session) -> Iterator[str]:
    end = session.end
    if end.asked is not None:
        yield _asked(end.asked, end.took)
    elif end.took is not None:
        yield f"the kernel finished {_span(end.took)} after the event log stopped"
    yield from end.notes
    if end.at is None and session.last_sign is not None:
        yield f"running until {_moment(session.last_sign)} at least"
    yield from _sleeps(session.sleeps)
    for happening in session.happenings:
        who = f": {happening.who}" if happening.who else ""
        yield f"{_HAPPENINGS[happening.kind]}{who} ({_moment(happening.at)})"
    yield from _clock(session.clock_changes)
    yield from _doubt(end)


def _asked(asked: ShutdownRequest, took: timedelta | None) -> str:
    code = "" if asked.reason is None else f" (0x{asked.reason:x})"
    who = " for ".join(filter(None, (_program(asked.process), asked.user))) or "unknown"
    text = f"requested by {who}: {asked.reason_text or 'no reason given'}{code}"
    if asked.comment:
        text += f"; {asked.comment}"
    return text if took is None else f"{text}; took {_span(took)}"


def _program(process: str) -> str:
    """Its name without its path, and without the name of the computer behind it."""
    path = process.rpartition(" (")[0] if process.endswith(")") else process
    return path.rpartition("\\")[2]


def _sleeps(sleeps: Sequence[Sleep]) -> Iterator[str]:
    for sleep in sleeps:
        state = "standby" if sleep.standby else _SLEEP_STATES.get(sleep.state or 0, "a sleep state")
        woke = "no wake-up recorded" if sleep.until is None else f"woke {_moment(sleep.until)}"
        source = ""
        if sleep.wake_text or sleep.wake_source is not None:
            number = _NOTHING if sleep.wake_source is None else str(sleep.wake_source)
            source = f", wake source {number} {sleep.wake_text}".rstrip()
        yield f"slept in {state} from {_moment(sleep.at)}, {woke}{source}"


def _clock(changes: Sequence[ClockChange]) -> Iterator[str]:
    for word, found in (
        ("forward", [change for change in changes if change.by > timedelta()]),
        ("back", [change for change in changes if change.by < timedelta()]),
    ):
        if found:
            total = _span(sum((abs(change.by) for change in found), timedelta()))
            times = "once" if len(found) == 1 else f"{len(found)} times"
            yield f"the clock was set {word} {times}, by {total}"


def _doubt(end: SessionEnd) -> Iterator[str]:
    if end.kind not in (EndKind.UNKNOWN, EndKind.LOG_ENDS) and end.confidence != "high":
        yield f"{end.confidence} confidence"


def _evidence(what: str, records: Iterable[EventRecord]) -> Iterator[str]:
    for record in records:
        yield printable(f"      {what:6} #{record.record_id} {_moment(record.created)} {record}")


def _row(cells: Sequence[str]) -> str:
    begun, by, ended, how = cells
    return f"{begun:19}  {by:13}  {ended:19}  {how}"


def _moment(moment: datetime | None) -> str:
    return _NOTHING if moment is None else moment.strftime(_MOMENT)


def _span(time: timedelta) -> str:
    seconds = time.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds < 86400:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds // 86400:.0f} d {seconds % 86400 // 3600:.0f} h"


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        printable(text),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
    )
