"""The System log of a disk: the records of an ``.evtx`` file that concern power.

Records are decoded by the package ``evtx`` (Rust, MIT or Apache-2.0), one chunk at a time, so that
a damaged chunk does not affect others. It runs in the sandboxed reader, never in the harness's own
process.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from powerdown.core.errors import ControlChannelError, DiskError
from powerdown.disk.history.event_log_chunks import (
    FILE_HEADER_SIZE,
    FILE_MAGIC,
    Chunk,
    Stamp,
    chunks_of,
)
from powerdown.disk.history.power_records import (
    EVENT_LOG,
    KERNEL_GENERAL,
    KERNEL_POWER,
    POWER_RECORD_IDS,
    is_one,
    is_power_record,
)
from powerdown.windows.event_records import EventRecord, parse_events

_FILE_HEADER = (FILE_MAGIC + bytes(32) + (FILE_HEADER_SIZE).to_bytes(2, "little")).ljust(
    FILE_HEADER_SIZE, b"\0"
)
"""A header that says only where the chunks begin: the one on the disk may be wrong."""

_LONGEST_VALUE = 1024
_MOST_VALUES = 64
_MOST_RECORDS = 50_000
_MOST_TEXT = 16 * 2**20
"""Characters of all values. A log of the default size, 20 MiB, has a tenth of this."""

_MOST_GAPS = 100

_EVENT_ID = re.compile(r"<EventID[^>]*>\s*(\d{1,9})\s*</EventID>")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_USER_DATA = "{http://schemas.microsoft.com/win/2004/08/events/event}UserData"


@dataclass(frozen=True)
class Gap:
    """Missing records, by the numbers of the first and the last."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"records {self.first} to {self.last} are missing"


@dataclass(frozen=True)
class SystemLog:
    """The data of a System log.

    :param records: the records of :data:`POWER_RECORDS`, by number.
    :param damaged: number of records and chunks that could not be read.
    :param notes: remarks on the log.
    :param gaps: records missing between the first and the last, of any provider.
    :param last_signs: the record just before each one that begins or ends a session, and the last
        of the log, unless they are in ``records``: the guest was up until then.
    """

    records: tuple[EventRecord, ...]
    damaged: int
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    last_signs: tuple[Stamp, ...] = ()


def read_system_log(data: bytes, after: int = 0) -> SystemLog:
    """Read an ``.evtx`` file, even if dirty, truncated, wrapped around or damaged in places.

    :param after: read only records with a larger ``EventRecordID``.
    :raise DiskError: it contains no part of an event log.
    """
    chunks = chunks_of(data)
    if not data.startswith(FILE_MAGIC) and not chunks.found:
        actual = "it is empty" if not data else f"it begins with {data[:8]!r} and contains no chunk"
        raise _not_a_log(actual)
    damaged = chunks.lost
    stamps: list[Stamp] = []
    records: list[EventRecord] = []
    read: set[int] = set()
    room = _Room()
    # A full log wraps around to its first chunk and overwrites its oldest records.
    for chunk in sorted(chunks.found, key=_oldest, reverse=True):
        damaged += chunk.damaged
        stamps = [stamp for stamp in chunk.stamps if stamp.record_id > after] + stamps
        if chunk.stamps and max(stamp.record_id for stamp in chunk.stamps) > after:
            found, decoded = _decode(chunk)
            damaged += len([stamp for stamp in chunk.stamps if stamp.record_id not in decoded])
            read |= decoded
            kept = room.take(record for record in reversed(found) if record.record_id > after)
            records = [*reversed([*kept]), *records]
    return SystemLog(
        tuple(records),
        damaged,
        tuple(_notes(data, chunks.lost, damaged, stamps, records, room, after)),
        _gaps([stamp.record_id for stamp in stamps if stamp.record_id in read]),
        tuple(_last_signs(stamps, records)),
    )


def _oldest(chunk: Chunk) -> int:
    return chunk.stamps[0].record_id if chunk.stamps else 0


class _Room:
    """How much may still be kept; the newest records come first."""

    def __init__(self) -> None:
        self._records = _MOST_RECORDS
        self._text = _MOST_TEXT
        self.dropped = 0

    def take(self, records: Iterable[EventRecord]) -> Iterator[EventRecord]:
        """The records that fit."""
        for record in records:
            self._records -= 1
            self._text -= sum(len(k) + len(v) for k, v in record.data.items())
            if self._records < 0 or self._text < 0:
                self.dropped += 1
            else:
                yield record


def _decode(chunk: Chunk) -> tuple[list[EventRecord], set[int]]:
    """The power records of a chunk, and the numbers of all its records that could be decoded."""
    found, decoded = _rendered(chunk.data)
    records: list[EventRecord] = []
    for number, text in found:
        try:
            record = _record(text)
        except (ControlChannelError, ET.ParseError):
            decoded.discard(number)
        else:
            records += [record] if record is not None and is_power_record(record) else []
    return records, decoded


def _rendered(chunk: bytes) -> tuple[list[tuple[int, str]], set[int]]:
    """XML of possible power records by number, and the numbers of all decoded records."""
    # Imported here: the harness's own process imports this module but decodes nothing.
    from evtx import PyEvtxParser

    found: list[tuple[int, str]] = []
    decoded: set[int] = set()
    try:
        # It warns about every record that it skips.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = io.BytesIO(_FILE_HEADER + chunk)
            for entry in PyEvtxParser(file, number_of_threads=1, skip_errors=True).records():
                if entry is None:
                    continue
                number, text = entry["event_record_id"], entry["data"]
                decoded.add(number)
                event_id = _EVENT_ID.search(text)
                if event_id is not None and int(event_id[1]) in POWER_RECORD_IDS:
                    found.append((number, text))
    except BaseException as error:
        # Records decoded so far are kept, the rest of the chunk counts as damaged. A failed
        # assertion in Rust is not derived from Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
    return found, decoded


def _record(text: str) -> EventRecord | None:
    """The record in a piece of XML, with long values truncated."""
    bare = _DECLARATION.sub("", text)
    record = next(iter(parse_events(bare)), None)
    if record is None:
        return None
    data = record.data or _user_data(bare)
    cut = {k[:_LONGEST_VALUE]: v.strip()[:_LONGEST_VALUE] for k, v in data.items()}
    return replace(record, data=dict(list(cut.items())[:_MOST_VALUES]))


def _user_data(text: str) -> dict[str, str]:
    """Values of a record whose data is in an element defined by the provider."""
    user_data = ET.fromstring(text).find(_USER_DATA)
    if user_data is None or not len(user_data):
        return {}
    return {item.tag.rpartition("}")[2]: item.text or "" for item in user_data[0]}


def _notes(
    data: bytes,
    lost: int,
    damaged: int,
    stamps: list[Stamp],
    records: list[EventRecord],
    room: _Room,
    after: int,
) -> Iterator[str]:
    if not data.startswith(FILE_MAGIC):
        yield "the file does not begin like an event log: its start is damaged or missing"
    if lost:
        yield f"{lost} chunks of the file contain no readable records"
    if damaged > lost:
        yield f"{damaged - lost} records or ranges of records could not be read"
    if room.dropped:
        yield f"the {room.dropped} oldest records were left out because there are too many"
    if not stamps:
        yield "it contains no records" + (f" after number {after}" if after else "")
    elif not records:
        yield "none of its records concerns power"


def _gaps(numbers: list[int]) -> tuple[Gap, ...]:
    """The newest gaps: records that are missing or could not be decoded."""
    found = [
        Gap(earlier + 1, later - 1) for earlier, later in pairwise(numbers) if later > earlier + 1
    ]
    return tuple(found[-_MOST_GAPS:])


def _last_signs(stamps: list[Stamp], records: list[EventRecord]) -> Iterator[Stamp]:
    kept = {record.record_id for record in records}
    boundaries = {record.record_id for record in records if _begins_a_start(record)}
    signs = [
        earlier for earlier, later in pairwise(stamps) if later.record_id in boundaries
    ] + stamps[-1:]
    return (stamp for stamp in signs if stamp.record_id not in kept)


def _begins_a_start(record: EventRecord) -> bool:
    return (
        is_one(record, EVENT_LOG, 6005, 6008, 6009, 6011)
        or is_one(record, KERNEL_GENERAL, 12)
        or is_one(record, KERNEL_POWER, 41)
    )


def system_log_to_json(log: SystemLog) -> dict[str, object]:
    """A log as JSON, for the pipe from the reader's process."""
    return {
        "records": [
            {
                "record_id": record.record_id,
                "provider": record.provider,
                "event_id": record.event_id,
                "created": record.created.isoformat(),
                "data": dict(record.data),
            }
            for record in log.records
        ],
        "damaged": log.damaged,
        "notes": list(log.notes),
        "gaps": [[gap.first, gap.last] for gap in log.gaps],
        "last_signs": [[stamp.record_id, stamp.created.isoformat()] for stamp in log.last_signs],
    }


def system_log_from_json(value: object) -> SystemLog:
    """The log in a JSON value of :func:`system_log_to_json`.

    :raise DiskError: the value has another form; its writer has read a possibly hostile disk.
    """
    try:
        return _read_log(value)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _not_a_log(
            f"the answer of its reader is malformed: {type(error).__name__}: {error}"
        ) from error


def _read_log(value: object) -> SystemLog:
    source = _object(value)
    return SystemLog(
        records=tuple(map(_read_record, _list(source["records"]))),
        damaged=_number(source["damaged"]),
        notes=tuple(map(_text, _list(source["notes"]))),
        gaps=tuple(
            Gap(_number(first), _number(last))
            for first, last in (_list(gap) for gap in _list(source["gaps"]))
        ),
        last_signs=tuple(
            Stamp(_number(number), _moment(created))
            for number, created in (_list(sign) for sign in _list(source["last_signs"]))
        ),
    )


def _read_record(value: object) -> EventRecord:
    source = _object(value)
    return EventRecord(
        record_id=_number(source["record_id"]),
        provider=_text(source["provider"]),
        event_id=_number(source["event_id"]),
        created=_moment(source["created"]),
        data={name: _text(text) for name, text in _object(source["data"]).items()},
    )


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise TypeError(f"{type(value).__name__} instead of an object")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} instead of a list")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r:.40} instead of a number that is not negative")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of text")
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.utcoffset() is None:
        raise ValueError("a time without a time zone")
    return moment


def _not_a_log(actual: str) -> DiskError:
    return DiskError(
        "read the System log",
        actual,
        r"Give a file such as Windows\System32\winevt\Logs\System.evtx of a Windows system.",
    )
