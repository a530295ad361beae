"""The System log of a disk at rest: the records of an ``.evtx`` file that tell of its power.

Records are decoded by the package ``evtx`` (Rust, MIT or Apache-2.0), a chunk at a time, so that
a damaged one costs no other. It runs in the process that reads disks, never in the harness's own.
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
"""A header that says no more than where the chunks begin: those on disks may be wrong."""

_LONGEST_VALUE = 1024
_MOST_VALUES = 64
_MOST_RECORDS = 50_000
_MOST_TEXT = 16 * 2**20
"""Characters of all values. A log of Windows' own choosing, 20 MiB, holds a tenth of this."""

_MOST_GAPS = 100

_EVENT_ID = re.compile(r"<EventID[^>]*>\s*(\d{1,9})\s*</EventID>")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_USER_DATA = "{http://schemas.microsoft.com/win/2004/08/events/event}UserData"


@dataclass(frozen=True)
class Gap:
    """Records that are missing, by the number of the first and of the last."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"records {self.first} to {self.last} are missing"


@dataclass(frozen=True)
class SystemLog:
    """What was read of a System log.

    :param records: those of :data:`POWER_RECORDS`, by number.
    :param damaged: records and chunks that could not be read.
    :param notes: what a reader of the records must know.
    :param gaps: which are missing between the first and the last, whatever their provider.
    :param last_signs: the record just before each that begins or ends a session, and the last of
        the log, where they are not in ``records``: until then the guest was up.
    """

    records: tuple[EventRecord, ...]
    damaged: int
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    last_signs: tuple[Stamp, ...] = ()


def read_system_log(data: bytes, after: int = 0) -> SystemLog:
    """Read an ``.evtx`` file: dirty, cut off, begun again at its start, damaged in places.

    :param after: only records with a larger ``EventRecordID``.
    :raise DiskError: nothing of an event log is in it.
    """
    chunks = chunks_of(data)
    if not data.startswith(FILE_MAGIC) and not chunks.found:
        actual = "it is empty" if not data else f"it begins with {data[:8]!r} and holds no chunk"
        raise _no_log(actual)
    damaged = chunks.lost
    stamps: list[Stamp] = []
    records: list[EventRecord] = []
    read: set[int] = set()
    room = _Room()
    # A full log begins again at its first chunk, over its oldest records.
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
    """How much may still be kept. The newest are asked for first."""

    def __init__(self) -> None:
        self._records = _MOST_RECORDS
        self._text = _MOST_TEXT
        self.dropped = 0

    def take(self, records: Iterable[EventRecord]) -> Iterator[EventRecord]:
        """Those there is room for."""
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
    """Numbered XML of what may be power records, and the numbers of all that were decoded."""
    # Only here: the harness's own process imports this module and decodes nothing.
    from evtx import PyEvtxParser

    found: list[tuple[int, str]] = []
    decoded: set[int] = set()
    try:
        # It warns of every record that it passes over.
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
        # What was decoded before counts, the rest of the chunk as damaged, whatever the package
        # says of it. A failed assertion in Rust is no Exception of Python's.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
    return found, decoded


def _record(text: str) -> EventRecord | None:
    """The record in a piece of XML, with its values cut to a bearable size."""
    bare = _DECLARATION.sub("", text)
    record = next(iter(parse_events(bare)), None)
    if record is None:
        return None
    data = record.data or _user_data(bare)
    cut = {k[:_LONGEST_VALUE]: v.strip()[:_LONGEST_VALUE] for k, v in data.items()}
    return replace(record, data=dict(list(cut.items())[:_MOST_VALUES]))


def _user_data(text: str) -> dict[str, str]:
    """Values of a record that has its data in an element of the provider's own."""
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
        yield "the file does not begin as an event log does: its front is damaged or missing"
    if lost:
        yield f"{lost} chunks of the file hold no records that can be read"
    if damaged > lost:
        yield f"{damaged - lost} records or stretches of records could not be read"
    if room.dropped:
        yield f"the {room.dropped} oldest records were left out: there are too many"
    if not stamps:
        yield "it holds no records" + (f" behind number {after}" if after else "")
    elif not records:
        yield "none of its records tells of the power"


def _gaps(numbers: list[int]) -> tuple[Gap, ...]:
    """The newest of what is missing or could not be decoded."""
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
    """A log as it crosses from the process that has read it."""
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
    """The log that :func:`system_log_to_json` gave.

    :raise DiskError: it is anything else: whoever wrote it has read a hostile disk.
    """
    try:
        return _read_log(value)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _no_log(f"its reader answered nonsense: {type(error).__name__}: {error}") from error


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
        raise TypeError(f"{type(value).__name__} where an object belongs")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list belongs")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r:.40} where a number from 0 on belongs")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text belongs")
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.utcoffset() is None:
        raise ValueError("a time without its zone")
    return moment


def _no_log(actual: str) -> DiskError:
    return DiskError(
        "read the System log",
        actual,
        r"Give a file such as Windows\System32\winevt\Logs\System.evtx of a Windows.",
    )
