"""What ``powerdown history --json`` prints; ``history.schema.json`` describes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from powerdown.core.text import clean
from powerdown.disk.history.power_history import PowerHistory, Session
from powerdown.disk.history.session_end import BAD, ORDERLY, SessionEnd
from powerdown.disk.history.shutdown_request import ShutdownRequest
from powerdown.report.verdict_json import Json
from powerdown.windows.event_records import EventRecord

SCHEMA_VERSION = 1


def history_to_json(path: str, history: PowerHistory, powerdown_version: str) -> Json:
    """A history as ``history.schema.json`` describes it.

    :param path: the disk or log that it was read from, as it was given.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "powerdown_version": clean(powerdown_version),
        "path": clean(path),
        "sessions": [_session(session) for session in history.sessions],
        "damaged": history.damaged,
        "notes": [clean(note) for note in history.notes],
    }


def _session(session: Session) -> Json:
    return {
        "start": {
            "kind": str(session.start.kind),
            "at": _time(session.start.at),
            "records": _records(session.start.records),
        },
        "end": _end(session.end),
        "last_sign": _time(session.last_sign),
        "requests": [_request(request) for request in session.requests],
        "sleeps": [
            {
                "at": _time(sleep.at),
                "until": _time(sleep.until),
                "state": sleep.state,
                "standby": sleep.standby,
                "reason": sleep.reason,
                "wake_source": sleep.wake_source,
                "wake_text": clean(sleep.wake_text),
                "records": _records(sleep.records),
            }
            for sleep in session.sleeps
        ],
        "happenings": [
            {
                "kind": str(happening.kind),
                "at": _time(happening.at),
                "who": clean(happening.who),
                "record": _record(happening.record),
            }
            for happening in session.happenings
        ],
        "clock_changes": [
            {
                "at": _time(change.at),
                "old": _time(change.old),
                "new": _time(change.new),
                "record_id": change.record.record_id,
            }
            for change in session.clock_changes
        ],
    }


def _end(end: SessionEnd) -> Json:
    known = end.kind in ORDERLY or end.kind in BAD
    return {
        "kind": str(end.kind),
        "in_order": end.kind in ORDERLY if known else None,
        "confidence": str(end.confidence),
        "at": _time(end.at),
        "took": None if end.took is None else round(end.took.total_seconds(), 3),
        "bugcheck": None if end.bugcheck is None else f"0x{end.bugcheck:x}",
        "asked": None if end.asked is None else _request(end.asked),
        "notes": [clean(note) for note in end.notes],
        "records": _records(end.records),
    }


def _request(request: ShutdownRequest) -> Json:
    return {
        "at": _time(request.at),
        "process": clean(request.process),
        "user": clean(request.user),
        "reason": None if request.reason is None else f"0x{request.reason:x}",
        "reason_text": clean(request.reason_text),
        "wanted": str(request.wanted),
        "comment": clean(request.comment),
        "called_off": request.called_off,
        "may_be_button": request.may_be_button,
        "record_id": request.record.record_id,
    }


def _records(records: Iterable[EventRecord]) -> list[Json]:
    return [_record(record) for record in records]


def _record(record: EventRecord) -> Json:
    return {
        "record_id": record.record_id,
        "provider": clean(record.provider),
        "event_id": record.event_id,
        "created": record.created.isoformat(),
        "data": {clean(name): clean(value) for name, value in record.data.items()},
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
