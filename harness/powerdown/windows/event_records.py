"""Windows event records, as ``wevtutil qe <log> /f:xml`` prints them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from powerdown.core.errors import ControlChannelError

_NAMESPACE = "{http://schemas.microsoft.com/win/2004/08/events/event}"
_MAX_RECORD_ID = 2**64 - 1
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class EventRecord:
    """One record of a Windows event log.

    :param record_id: ``EventRecordID``, rising within a log in the order recorded.
    :param provider: ``Provider/@EventSourceName`` where present, else ``Provider/@Name``.
    :param event_id: ``EventID``.
    :param created: ``TimeCreated/@SystemTime``, by the guest's clock, UTC.
    :param data: named data by name; unnamed data by position as ``"1"``, ``"2"``, ...
    """

    record_id: int
    provider: str
    event_id: int
    created: datetime
    data: Mapping[str, str]

    def __str__(self) -> str:
        inner = ", ".join(f"{name}={value}" for name, value in self.data.items() if value)
        return (
            f"{self.provider} {self.event_id} ({inner})"
            if inner
            else f"{self.provider} {self.event_id}"
        )


def parse_events(text: str) -> tuple[EventRecord, ...]:
    """The records in the output of ``wevtutil qe System /f:xml``, in the order recorded.

    That is not always the order in which things happened: real logs hold Kernel-Power 109 and
    Kernel-General 13 of a stop, with their own time, behind EventLog 6005 of the next start.

    :raise ControlChannelError: it is not a sequence of event records. Document type
        declarations are refused: a hostile guest could make the parser expand entities.
    """
    if "<!" in text:
        raise _garbage("it holds a document type declaration")
    try:
        root = ET.fromstring(f"<Events>{_CONTROL_CHARACTERS.sub('', text)}</Events>")
        records = [_parse_event(element) for element in root]
    except (ET.ParseError, ValueError, KeyError, AttributeError) as error:
        raise _garbage(f"{type(error).__name__}: {error}") from error
    return tuple(sorted(records, key=lambda record: record.record_id))


def _parse_event(element: ET.Element) -> EventRecord:
    if element.tag != f"{_NAMESPACE}Event":
        raise ValueError(f"<{element.tag}> where an Event was expected")
    system = element.find(f"{_NAMESPACE}System")
    if system is None:
        raise ValueError("an Event without System")
    provider = _child(system, "Provider")
    record_id = int(_child(system, "EventRecordID").text or "")
    if not 0 <= record_id <= _MAX_RECORD_ID:
        # It goes into the next query.
        raise ValueError("an EventRecordID of more than 64 bits")
    return EventRecord(
        record_id=record_id,
        provider=provider.get("EventSourceName") or provider.attrib["Name"],
        event_id=int(_child(system, "EventID").text or ""),
        created=_parse_time(_child(system, "TimeCreated").attrib["SystemTime"]),
        data=_parse_data(element),
    )


def _child(parent: ET.Element, name: str) -> ET.Element:
    found = parent.find(f"{_NAMESPACE}{name}")
    if found is None:
        raise ValueError(f"System without {name}")
    return found


def _parse_data(element: ET.Element) -> dict[str, str]:
    data = element.find(f"{_NAMESPACE}EventData")
    if data is None:
        return {}
    return {
        item.get("Name") or str(position): item.text or ""
        for position, item in enumerate(data.iter(f"{_NAMESPACE}Data"), start=1)
    }


def _parse_time(text: str) -> datetime:
    # Windows prints up to nine digits of a second and "Z"; Python takes six.
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?", text)
    if match is None:
        raise ValueError(f"SystemTime {text!r}")
    fraction = (match.group(2) or "0").ljust(6, "0")[:6]
    return datetime.fromisoformat(f"{match.group(1)}.{fraction}").replace(tzinfo=UTC)


def _garbage(actual: str) -> ControlChannelError:
    return ControlChannelError(
        "read event records of the guest",
        actual,
        "Run 'wevtutil qe System /f:xml /c:5' in the guest.",
    )
