"""How a session ended, from its own records and those of the next start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from powerdown.diagnosis.verdict import Confidence
from powerdown.disk.history.clock_change import clock_change
from powerdown.disk.history.power_records import (
    BUGCHECK_SOURCES,
    EVENT_LOG,
    KERNEL_GENERAL,
    KERNEL_POWER,
    is_one,
    is_true,
    parameter,
    whole_number,
)
from powerdown.disk.history.session_records import (
    SHUTDOWN_STATE,
    SessionRecords,
    is_resumed_boot,
    is_saved,
)
from powerdown.disk.history.shutdown_request import ShutdownRequest, Wanted, requests_in, who_asked
from powerdown.windows.event_records import EventRecord

_RESTARTED = 5
_POWERED_OFF = 6
"""ShutdownActionType of Kernel-Power 109 (fact:record-109)."""

_CODE = re.compile(r"\s*(0x[0-9a-f]{1,16})\b", re.IGNORECASE)


class EndKind(StrEnum):
    """How a session ended."""

    POWERED_OFF = "powered-off"
    RESTARTED = "restarted"
    STOPPED = "stopped"
    """Cleanly; whether the power went off then is not recorded."""
    HIBERNATED = "hibernated"
    FAST_STARTUP = "fast-startup"
    """Shut down, with the kernel session saved for a fast start."""
    POWER_LOST = "power-lost"
    BUTTON_HELD = "button-held"
    BUGCHECK = "bugcheck"
    LOG_ENDS = "log-ends"
    """No end is recorded: it is running, or its power was cut and it was not started since."""
    UNKNOWN = "unknown"


ORDERLY = frozenset(
    {
        EndKind.POWERED_OFF,
        EndKind.RESTARTED,
        EndKind.STOPPED,
        EndKind.HIBERNATED,
        EndKind.FAST_STARTUP,
    }
)
"""Ends that Windows performed itself."""

BAD = frozenset({EndKind.POWER_LOST, EndKind.BUTTON_HELD, EndKind.BUGCHECK})


@dataclass(frozen=True)
class SessionEnd:
    """The end of a session.

    :param at: when the last step of an orderly end was recorded; ``None`` for other ends.
    :param asked: the request that led to it.
    :param took: time from the request, or from the stop of the event log service, to the kernel's
        last record.
    :param bugcheck: the code, with :attr:`EndKind.BUGCHECK`; ``None`` if it is not known.
    :param notes: remarks.
    :param records: the records it is based on, which may include the next start's boot type.
    """

    kind: EndKind
    confidence: Confidence
    at: datetime | None = None
    asked: ShutdownRequest | None = None
    took: timedelta | None = None
    bugcheck: int | None = None
    notes: tuple[str, ...] = ()
    records: tuple[EventRecord, ...] = ()


def end_of(session: SessionRecords, following: SessionRecords | None) -> SessionEnd:
    """How a session ended.

    :param following: the next one; ``None`` where the log ends with this one.
    """
    return _Ending(session, following).judge()


class _Ending:
    def __init__(self, session: SessionRecords, following: SessionRecords | None) -> None:
        own, reported = session.own, session.reported
        self._session = session
        self._following = following
        self._cut = _last(reported, KERNEL_POWER, 41)
        self._unclean = _last(reported, EVENT_LOG, 6008)
        self._crash = _last(reported, BUGCHECK_SOURCES, 1001)
        self._log_stopped = _last(own, EVENT_LOG, 6006)
        self._transition = _last(own, KERNEL_POWER, 109)
        self._stopped = _last(own, KERNEL_GENERAL, 13)
        written = session.written
        self._moves = [r for r in written if is_one(r, KERNEL_POWER, 42, 107) or is_resumed_boot(r)]
        self._requests = requests_in(written)
        self._asked = who_asked(self._requests)

    def judge(self) -> SessionEnd:
        last_move = self._moves[-1] if self._moves else None
        if self._cut is not None or self._unclean is not None:
            return self._judge_bad(last_move)
        if self._crash is not None:
            if self._is_orderly():
                note = "the next start reported a crash, but an orderly stop was recorded"
            else:
                note = "the next start reported a crash, which may be an older one"
            return self._end(EndKind.UNKNOWN, Confidence.LOW, note)
        if self._is_orderly():
            return self._judge_orderly()
        if last_move is not None and is_saved(last_move):
            return self._judge_saved(last_move)
        if self._following is not None and not self._following.cold:
            return self._judge_resumed(last_move)
        if self._following is None and not self._session.gaps:
            return self._judge_open(last_move)
        return self._judge_silent()

    def _is_orderly(self) -> bool:
        return self._log_stopped is not None or self._stopped is not None

    # Orderly ends

    def _judge_orderly(self) -> SessionEnd:
        sure = self._following is not None or self._stopped is not None
        notes = []
        if not sure:
            notes.append("the log ends here: only the next start would show whether it completed")
        if self._following is not None and not self._following.cold:
            notes.append("the next start resumed a saved session, which contradicts this")
        kind, note = self._kind_of_stop()
        confidence = Confidence.HIGH if sure and not notes else Confidence.MEDIUM
        return self._end(kind, confidence, *notes, *([note] if note else []))

    def _kind_of_stop(self) -> tuple[EndKind, str]:
        number = None
        if self._transition is not None:
            number = whole_number(self._transition, "ShutdownActionType")
        wanted = Wanted.UNKNOWN if self._asked is None else self._asked.wanted
        if number == _RESTARTED:
            return EndKind.RESTARTED, ""
        if number == _POWERED_OFF:
            return EndKind.POWERED_OFF, ""
        if wanted is Wanted.RESTART:
            return EndKind.RESTARTED, "only the request shows that it was a restart"
        if wanted is Wanted.POWER_OFF:
            return EndKind.POWERED_OFF, "only the request shows that the power was to go off"
        return EndKind.STOPPED, "whether it powered off or restarted is not recorded"

    def _judge_saved(self, move: EventRecord) -> SessionEnd:
        effective = whole_number(move, "EffectiveState")
        fast = effective == SHUTDOWN_STATE or whole_number(move, "TargetState") == SHUTDOWN_STATE
        notes = []
        confidence = Confidence.MEDIUM
        if self._following is None:
            notes.append("the log ends here: only the next start would show that it was saved")
        elif self._following.cold:
            notes.append("it was not resumed: the next start was a cold boot")
        else:
            confidence = Confidence.HIGH
            fast = _boot_type(self._following) == 1 or (
                fast and _boot_type(self._following) is None
            )
        kind = EndKind.FAST_STARTUP if fast else EndKind.HIBERNATED
        return self._end(kind, confidence, *notes, also=(move,))

    def _judge_resumed(self, last_move: EventRecord | None) -> SessionEnd:
        assert self._following is not None
        kind = {1: EndKind.FAST_STARTUP, 2: EndKind.HIBERNATED}.get(
            _boot_type(self._following) or 0, EndKind.UNKNOWN
        )
        note = "only the boot type of the next start shows this"
        if last_move is not None and last_move.event_id == 42:
            note = "it had gone to sleep, and was resumed from disk at the next start"
        return self._end(kind, Confidence.MEDIUM, note)

    # Unexpected ends

    def _judge_bad(self, last_move: EventRecord | None) -> SessionEnd:
        notes = [*self._circumstances(last_move)]
        code = _bugcheck_code(self._cut, self._crash)
        if self._crash is not None or code:
            confidence = Confidence.LOW if self._is_orderly() else Confidence.HIGH
            return self._end(EndKind.BUGCHECK, confidence, *notes, bugcheck=code or None)
        if self._cut is not None and code is None:
            note = "41 has no code: a crash cannot be distinguished from a power loss"
            return self._end(EndKind.UNKNOWN, Confidence.LOW, note, *notes)
        if self._cut is None and self._is_orderly():
            note = "an orderly stop was recorded, but the next start found an unclean one"
            return self._end(EndKind.UNKNOWN, Confidence.LOW, note)
        if self._cut is not None and self._stopped is not None:
            note = "an orderly stop was recorded by the kernel, but the next start found none"
            return self._end(EndKind.UNKNOWN, Confidence.LOW, note)
        both = self._cut is not None and self._unclean is not None
        confidence = Confidence.MEDIUM if both and not self._is_orderly() else Confidence.LOW
        if self._cut is not None and _button_was_held(self._cut):
            return self._end(EndKind.BUTTON_HELD, confidence, *notes)
        if self._cut is None:
            notes.append("41 is missing: it may have been a crash")
        return self._end(EndKind.POWER_LOST, confidence, *notes)

    def _circumstances(self, last_move: EventRecord | None) -> Iterator[str]:
        if self._log_stopped is not None:
            yield "during the shutdown, after the event log service had stopped"
        elif self._asked is not None:
            yield "after a shutdown had been requested"
        if self._cut is not None and is_true(self._cut, "SleepInProgress"):
            yield "during a transition to or from sleep"
        elif last_move is not None and last_move.event_id == 42:
            yield "it had been saved to disk" if is_saved(last_move) else "while it was asleep"

    # Not recorded

    def _judge_open(self, last_move: EventRecord | None) -> SessionEnd:
        notes = []
        if self._transition is not None:
            notes.append("the kernel had begun to shut down")
        elif self._asked is not None:
            notes.append("a shutdown had been requested, and no record shows that it happened")
        if last_move is not None and last_move.event_id == 42:
            notes.append("it had gone to sleep")
        return self._end(EndKind.LOG_ENDS, Confidence.HIGH, *notes)

    def _judge_silent(self) -> SessionEnd:
        if self._session.gaps:
            return self._end(EndKind.UNKNOWN, Confidence.LOW)
        note = "neither a stop nor an unexpected end was recorded"
        return self._end(EndKind.UNKNOWN, Confidence.LOW, note)

    def _end(
        self,
        kind: EndKind,
        confidence: Confidence,
        *notes: str,
        bugcheck: int | None = None,
        also: Sequence[EventRecord] = (),
    ) -> SessionEnd:
        steps = [
            step
            for step in (self._log_stopped, self._transition, self._stopped)
            if step is not None
        ]
        asked = [] if self._asked is None else [self._asked.record]
        reported = [r for r in (self._cut, self._unclean, self._crash) if r is not None]
        resumed = []
        if self._following is not None and not self._following.cold and kind not in BAD:
            resumed = [r for r in self._following.begun if is_resumed_boot(r)]
        ended = [*steps, *also]
        return SessionEnd(
            kind=kind,
            confidence=confidence,
            at=ended[-1].created if ended and kind in ORDERLY else None,
            asked=self._asked,
            took=self._took(),
            bugcheck=bugcheck,
            notes=(*notes, *self._gap_note(), *self._button_note()),
            records=(*asked, *steps, *also, *reported, *resumed),
        )

    def _took(self) -> timedelta | None:
        last = self._stopped or self._transition
        first = self._log_stopped if self._asked is None else self._asked.record
        if last is None or first is None or last.created < first.created:
            return None
        return None if self._clock_was_set_after(first) else last.created - first.created

    def _clock_was_set_after(self, first: EventRecord) -> bool:
        own = self._session.own
        behind = own[own.index(first) + 1 :] if first in own else own
        return any(clock_change(record) is not None for record in behind)

    def _gap_note(self) -> Iterator[str]:
        if self._session.gaps:
            gap = self._session.gaps[-1]
            yield f"records {gap.first} to {gap.last} may contain a stop and another start"

    def _button_note(self) -> Iterator[str]:
        if self._asked is not None and self._asked.may_be_button:
            yield "perhaps the power button, or the Start menu (fact:button-reason-code)"


def _bugcheck_code(cut: EventRecord | None, crash: EventRecord | None) -> int | None:
    """The code in 41 or 1001; 0 for none, ``None`` if there is a 41 without the field."""
    code = 0 if cut is None else whole_number(cut, "BugcheckCode")
    if not code and crash is not None:
        found = _CODE.match(parameter(crash, 1))
        return code if found is None else int(found[1], 16)
    return code


def _button_was_held(cut: EventRecord) -> bool:
    return is_true(cut, "PowerButtonTimestamp") or is_true(cut, "LongPowerButtonPressDetected")


def _boot_type(session: SessionRecords) -> int | None:
    found = (r for r in session.begun if is_resumed_boot(r))
    return next((whole_number(record, "BootType") for record in found), None)


def _last(
    records: Sequence[EventRecord], provider: str | tuple[str, ...], *event_ids: int
) -> EventRecord | None:
    return next((r for r in reversed(records) if is_one(r, provider, *event_ids)), None)
