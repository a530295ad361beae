"""Event log files (.evtx) with records as Windows writes them.

The chunks are the stand-in's. Its own log has one template for all events, no UserData, and records
numbered without gaps. Here each provider has a template that contains its name, as in logs of
Windows, and the caller numbers the records. Source: libyal/libevtx, "Windows XML Event Log (EVTX)
format".
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from standin.evtx.chunk import SIZE, Chunk
from standin.evtx.event_record import NAMESPACE
from standin.evtx.template import FRAGMENT, Element, Value, put_tree
from standin.evtx.value import (
    BINARY,
    BINARY_XML,
    BOOL,
    FILETIME,
    GUID,
    HEX64,
    NULL,
    SID,
    STRING,
    STRINGS,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    file_time,
    guid_bytes,
    sid_bytes,
)

_COMPUTER = "MADE-PC"
_DIRTY = 1
_FILE_HEADER = struct.Struct("<8sQQQIHHHH")
_FILE_HEADER_SIZE = 4096

Data = int | bool | str | bytes | datetime
"""A number is a UINT32, a ``str`` that begins with a brace a GUID, a ``datetime`` a FILETIME."""


@dataclass(frozen=True)
class Provider:
    """Who writes a record.

    :param source: ``EventSourceName``, of classic providers that have a manifest too.
    :param classic: whether its records have unnamed data and qualifiers.
    """

    name: str
    guid: str | None = None
    source: str | None = None
    classic: bool = False


@dataclass(frozen=True)
class Record:
    """A record to be written.

    :param data: named data, or a list of texts without names.
    :param binary: binary data of a classic record.
    :param user_data: name of the element in UserData that contains the data; ``None`` for
        EventData.
    """

    number: int
    provider: Provider
    event_id: int
    created: datetime
    data: dict[str, Data] | list[str]
    binary: bytes = b""
    user_data: str | None = None


def event_log_of(records: Iterable[Record], *, spare: int, closed: bool) -> bytes:
    """A System log with these records.

    Where numbers are missing a chunk begins: what a log loses is whole chunks (real logs).

    :param spare: number of empty chunks at the end; a log grows by several at once.
    :param closed: whether its header is that of a closed log or of one in use.
    """
    chunks = [Chunk()]
    last = 0
    for record in records:
        is_next = last in (0, record.number - 1)
        last = record.number
        if not is_next or not _add(chunks[-1], record):
            chunks.append(Chunk())
            assert _add(chunks[-1], record), "a record that is larger than a chunk"
    header = bytearray(_FILE_HEADER_SIZE)
    numbers = (0, len(chunks) - 1, last + 1) if closed else (0, 0, 1)
    size = len(chunks) + spare
    _FILE_HEADER.pack_into(
        header, 0, b"ElfFile\0", *numbers, 128, 1, 3, _FILE_HEADER_SIZE, size if closed else 1
    )
    struct.pack_into("<II", header, 120, 0 if closed else _DIRTY, crc32(header[:120]))
    content = b"".join(chunk.sealed_header() + chunk.data[512:] for chunk in chunks)
    return bytes(header) + content + bytes(spare * SIZE)


def _add(chunk: Chunk, record: Record) -> bool:
    return chunk.add(record.number, file_time(record.created), lambda c: _put_record(c, record))


def _event_template(provider: Provider) -> Element:
    """What all events of a provider have."""
    names: list[tuple[str, str | Value]] = [("Name", provider.name)]
    if provider.guid:
        names.append(("Guid", provider.guid))
    if provider.source:
        names.append(("EventSourceName", provider.source))
    qualifiers = [("Qualifiers", Value(4, UINT16, True))] if provider.classic else []
    ids = [
        (name, Value(n, GUID, True)) for name, n in (("ActivityID", 7), ("RelatedActivityID", 13))
    ]
    process = [(name, Value(n, UINT32, True)) for name, n in (("ProcessID", 8), ("ThreadID", 9))]
    system = [
        Element("Provider", names),
        Element("EventID", qualifiers, [Value(3, UINT16, True)]),
        Element("Version", (), [Value(11, UINT8, True)]),
        Element("Level", (), [Value(0, UINT8, True)]),
        Element("Task", (), [Value(2, UINT16, True)]),
        Element("Opcode", (), [Value(1, UINT8, True)]),
        Element("Keywords", (), [Value(5, HEX64, True)]),
        Element("TimeCreated", [("SystemTime", Value(6, FILETIME, True))]),
        Element("EventRecordID", (), [Value(10, UINT64, True)]),
        Element("Correlation", ids),
        Element("Execution", process),
        Element("Channel", (), ["System"]),
        Element("Computer", (), [_COMPUTER]),
        Element("Security", [("UserID", Value(12, SID, True))]),
    ]
    content = [Element("System", (), system), Value(14, BINARY_XML, True)]
    return Element("Event", [("xmlns", NAMESPACE)], content)


def _put_record(chunk: Chunk, record: Record) -> None:
    provider = record.provider
    values = [
        (UINT8, b"\4"),
        (UINT8, b"\0"),
        (UINT16, b"\0\0"),
        (UINT16, struct.pack("<H", record.event_id)),
        (UINT16, struct.pack("<H", 0x8000)) if provider.classic else (NULL, b""),
        (HEX64, struct.pack("<Q", 0x80000000000000)),
        (FILETIME, struct.pack("<Q", file_time(record.created))),
        (NULL, b""),
        (UINT32, struct.pack("<I", 4)),
        (UINT32, struct.pack("<I", 200 + record.number % 7 * 4)),
        (UINT64, struct.pack("<Q", record.number)),
        (UINT8, b"\0"),
        (NULL, b"") if provider.classic else (SID, sid_bytes("S-1-5-18")),
        (NULL, b""),
    ]
    tree = _event_template(provider)
    _put_instance(chunk, repr(provider), tree, values, lambda: _put_data(chunk, record))


def _put_data(chunk: Chunk, record: Record) -> None:
    """EventData or UserData, as XML of its own within the record."""
    data = record.data
    if isinstance(data, list):
        texts = "".join(f"{text}\0" for text in data).encode("utf-16-le")
        # Windows has no value at all for one empty text.
        values = [(NULL, b"") if texts in (b"", b"\0\0") else (STRINGS, texts)]
        values.append((BINARY, record.binary) if record.binary else (NULL, b""))
        inner = [
            Element("Data", (), [Value(0, STRINGS, True)]),
            Element("Binary", (), [Value(1, BINARY, True)]),
        ]
        tree = Element("EventData", (), inner)
    else:
        values = [_value(value) for value in data.values()]
        kinds = list(zip(data, [kind for kind, _ in values], strict=True))
        if record.user_data is None:
            named = [
                Element("Data", [("Name", name)], [Value(n, kind, False)])
                for n, (name, kind) in enumerate(kinds)
            ]
            tree = Element("EventData", (), named)
        else:
            own = [Element(name, (), [Value(n, k, False)]) for n, (name, k) in enumerate(kinds)]
            place = "http://manifests.microsoft.com/win/2004/08/windows/eventlog"
            tree = Element("UserData", (), [Element(record.user_data, [("xmlns", place)], own)])
    _put_instance(chunk, repr(tree), tree, values)


def _put_instance(
    chunk: Chunk,
    key: str,
    tree: Element,
    values: list[tuple[int, bytes]],
    put_last: Callable[[], None] | None = None,
) -> None:
    """A template's instance.

    :param key: of the template: equal ones share it.
    :param put_last: puts one more value, of binary XML.
    """
    encoded = key.encode()
    guid = struct.pack("<IIII", crc32(encoded), len(encoded), crc32(encoded[::-1]), len(values))
    chunk.put(FRAGMENT)
    chunk.put_template(guid, lambda c: put_tree(c, tree))
    described = [(len(data), kind) for kind, data in values]
    if put_last is not None:
        described.append((0, BINARY_XML))
    chunk.put(struct.pack("<I", len(described)))
    at = chunk.put(b"".join(struct.pack("<HBx", size, kind) for size, kind in described))
    chunk.put(b"".join(data for _, data in values))
    if put_last is not None:
        start = chunk.at
        put_last()
        struct.pack_into("<H", chunk.data, at + 4 * len(values), chunk.at - start)
    chunk.put(b"\0")


def _value(value: Data) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return BOOL, struct.pack("<I", value)
    if isinstance(value, int):
        return UINT32, struct.pack("<I", value)
    if isinstance(value, datetime):
        return FILETIME, struct.pack("<Q", file_time(value))
    if isinstance(value, bytes):
        return BINARY, value
    if value.startswith("{"):
        return GUID, guid_bytes(value)
    return STRING, value.encode("utf-16-le")
