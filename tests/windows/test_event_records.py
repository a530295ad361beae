from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import ControlChannelError
from powerdown.windows.event_records import parse_events

# Shape of records as wevtutil prints them; values from public samples (fact:record-1074,
# fact:record-109).
USER32_1074 = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='User32' Guid='{b0aa8734-56f7-41cc-b2f4-de228e98b946}'"
    " EventSourceName='User32'/>"
    "<EventID Qualifiers='32768'>1074</EventID><Version>0</Version><Level>4</Level><Task>0</Task>"
    "<Keywords>0x8080000000000000</Keywords>"
    "<TimeCreated SystemTime='2026-11-23T01:02:03.1234567Z'/>"
    "<EventRecordID>{record}</EventRecordID><Channel>System</Channel><Computer>PC</Computer></System>"
    "<EventData><Data Name='param1'>C:\\Windows\\system32\\winlogon.exe (PC)</Data>"
    "<Data Name='param4'>0x500ff</Data></EventData></Event>"
)
EVENT_LOG_6006 = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
    "<Provider Name='EventLog'/><EventID Qualifiers='32768'>6006</EventID>"
    "<TimeCreated SystemTime='2026-11-23 01:02:04Z'/><EventRecordID>8</EventRecordID></System>"
    "<EventData><Binary>0100</Binary></EventData></Event>"
)


def user32(record: int) -> str:
    return USER32_1074.replace("{record}", str(record))


def test_records_come_oldest_first_whatever_the_order_printed() -> None:
    records = parse_events(EVENT_LOG_6006 + "\n" + user32(7))
    assert [(r.provider, r.event_id, r.record_id) for r in records] == [
        ("User32", 1074, 7),
        ("EventLog", 6006, 8),
    ]
    assert records[0].created == datetime(2026, 11, 23, 1, 2, 3, 123456, tzinfo=UTC)
    assert records[0].data["param4"] == "0x500ff"
    assert records[1].data == {}


def test_no_output_is_no_records() -> None:
    assert parse_events("") == ()
    assert parse_events("\n \n") == ()


def test_unnamed_data_is_numbered() -> None:
    xml = user32(1).replace(" Name='param1'", "").replace(" Name='param4'", "")
    assert set(parse_events(xml)[0].data) == {"1", "2"}


@pytest.mark.parametrize(
    "text",
    [
        "not xml <",
        "<Other/>",
        user32(1).replace("1</EventRecordID>", "one</EventRecordID>"),
        user32(1).replace("<EventRecordID>1</EventRecordID>", ""),
        user32(1).replace("2026-11-23T01", "yesterday"),
        "<!DOCTYPE lolz [<!ENTITY lol 'lol'>]>" + user32(1),
    ],
)
def test_garbage_is_one_clear_error(text: str) -> None:
    with pytest.raises(ControlChannelError, match="could not read event records"):
        parse_events(text)


@given(st.text())
def test_any_text_gives_records_or_that_error(text: str) -> None:
    with contextlib.suppress(ControlChannelError):
        parse_events(text)


@given(st.integers(0, len(user32(1)) - 1), st.characters())
def test_a_damaged_record_gives_records_or_that_error(position: int, character: str) -> None:
    xml = user32(1)
    with contextlib.suppress(ControlChannelError):
        parse_events(xml[:position] + character + xml[position + 1 :])
