"""What ``powerdown history --json`` prints; ``history.schema.json`` describes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta

from powerdown.diagnosis.verdict import Confidence
from powerdown.disk.history.power_history import HappeningKind, PowerHistory, Session, StartKind
from powerdown.disk.history.session_end import BAD, ORDERLY, EndKind, SessionEnd
from powerdown.disk.history.shutdown_request import ShutdownRequest, Wanted
from powerdown.report.document import Document, Json
from powerdown.windows.event_records import EventRecord

SCHEMA_VERSION: Final = 1

_Time = Annotated[datetime, Meta(tz=True)]


class RecordJson(Document, frozen=True):
    """An event record."""

    record_id: int
    provider: str
    event_id: int
    created: _Time
    data: dict[str, str]
    """By the names that Windows gives; unnamed ones by number."""


class StartJson(Document, frozen=True):
    """How a session started."""

    kind: StartKind
    at: _Time | None
    records: tuple[RecordJson, ...]


class RequestJson(Document, frozen=True):
    """A request to end a session."""

    at: _Time | None
    process: str
    """With its path, and the computer in parentheses."""
    user: str
    reason: Annotated[str, Meta(pattern="^0x[0-9a-f]{1,8}$")] | None
    """Reason code (learn: System Shutdown Reason Codes)."""
    reason_text: str
    """In the guest's language."""
    wanted: Wanted
    """unknown: also if the guest logs it in another language than English."""
    comment: str
    called_off: bool
    """Whether User32 1075 followed."""
    may_be_button: bool
    """winlogon.exe with reason 0x500ff; the Start menu may log the same
    (fact:button-reason-code)."""
    record_id: int


class EndJson(Document, frozen=True):
    """How a session ended."""

    kind: EndKind
    in_order: bool | None
    """Whether Windows ended in order; null if the log does not show it."""
    confidence: Confidence
    at: _Time | None
    """When the last step of an end in order was recorded; null for other ends."""
    took: Annotated[float, Meta(ge=0)] | None
    """Seconds from the request, or without one from the end of the event log service, to the last
    record of the kernel."""
    bugcheck: Annotated[str, Meta(pattern="^0x[0-9a-f]{1,22}$")] | None
    """The stop code."""
    asked: RequestJson | None
    """The request that led to it."""
    notes: tuple[str, ...]
    records: tuple[RecordJson, ...]
    """The records it is derived from; the next start writes some of them."""


class SleepJson(Document, frozen=True):
    """One period of sleep."""

    at: _Time | None
    until: _Time | None
    state: int | None
    """SYSTEM_POWER_STATE: 2 to 4 are S1 to S3."""
    standby: bool
    """Modern standby, which is not an ACPI state."""
    reason: int | None
    """As Windows logs it (fact:record-42-reason)."""
    wake_source: int | None
    """As Windows logs it (fact:wake-source-numbers)."""
    wake_text: str
    """The device or timer, if it is named."""
    records: tuple[RecordJson, ...]


class HappeningJson(Document, frozen=True):
    """An event that concerns the shutdown of its session."""

    kind: HappeningKind
    at: _Time | None
    who: str
    """The program, service, driver or user that it names; empty if none."""
    record: RecordJson


class ClockChangeJson(Document, frozen=True):
    """A change of the guest's clock."""

    at: _Time | None
    old: _Time | None
    new: _Time | None
    record_id: int


class SessionJson(Document, frozen=True):
    """One session, from its start to its end."""

    start: StartJson
    end: EndJson
    last_sign: _Time | None
    """Its latest record that is not part of its end: it was running until then at least."""
    requests: tuple[RequestJson, ...]
    """User32 1074."""
    sleeps: tuple[SleepJson, ...]
    happenings: tuple[HappeningJson, ...]
    """Other events that concern its shutdown."""
    clock_changes: tuple[ClockChangeJson, ...]
    """Kernel-General 1, of at least one minute."""


class HistoryJson(Document, frozen=True):
    """The sessions of a guest by its System log: how each started and ended, who requested the end,
    when it slept. Times are those of the guest's clock, ISO 8601 in UTC. What is unknown is null.
    """

    schema_version: Literal[1]
    powerdown_version: str
    path: str
    """The disk or log, as given on the command line."""
    sessions: tuple[SessionJson, ...]
    """Oldest first; with --last the latest only."""
    damaged: Annotated[int, Meta(ge=0)]
    """Records and chunks of the log that could not be read."""
    notes: tuple[str, ...]
    """Remarks on the disk and on the log as a whole."""


def history_to_json(path: str, history: PowerHistory, powerdown_version: str) -> Json:
    """A history as ``history.schema.json`` describes it.

    :param path: the disk or log that it was read from, as it was given.
    """
    return HistoryJson.from_attributes(
        history,
        schema_version=SCHEMA_VERSION,
        powerdown_version=powerdown_version,
        path=path,
        sessions=tuple(map(_session, history.sessions)),
    ).to_json()


def _session(session: Session) -> SessionJson:
    return SessionJson(
        start=StartJson.from_attributes(session.start, records=_records(session.start.records)),
        end=_end(session.end),
        last_sign=session.last_sign,
        requests=tuple(map(_request, session.requests)),
        sleeps=tuple(
            SleepJson.from_attributes(sleep, records=_records(sleep.records))
            for sleep in session.sleeps
        ),
        happenings=tuple(
            HappeningJson.from_attributes(happening, record=_record(happening.record))
            for happening in session.happenings
        ),
        clock_changes=tuple(
            ClockChangeJson.from_attributes(change, record_id=change.record.record_id)
            for change in session.clock_changes
        ),
    )


def _end(end: SessionEnd) -> EndJson:
    known = end.kind in ORDERLY or end.kind in BAD
    return EndJson.from_attributes(
        end,
        in_order=end.kind in ORDERLY if known else None,
        took=None if end.took is None else round(end.took.total_seconds(), 3),
        bugcheck=None if end.bugcheck is None else f"0x{end.bugcheck:x}",
        asked=None if end.asked is None else _request(end.asked),
        records=_records(end.records),
    )


def _request(request: ShutdownRequest) -> RequestJson:
    return RequestJson.from_attributes(
        request,
        reason=None if request.reason is None else f"0x{request.reason:x}",
        record_id=request.record.record_id,
    )


def _records(records: Iterable[EventRecord]) -> tuple[RecordJson, ...]:
    return tuple(map(_record, records))


def _record(record: EventRecord) -> RecordJson:
    return RecordJson.from_attributes(record, data=dict(record.data))
