import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin.clock import Clock
from standin.eventlog import (
    EVENTLOG,
    KERNEL_POWER,
    LOG,
    SERVICE_CONTROL_MANAGER,
    USER32,
    Event,
    EventLog,
    Provider,
    to_xml,
)
from standin.volume import Volume

NS = "{http://schemas.microsoft.com/win/2004/08/events/event}"


@pytest.fixture
def log(volume):
    return EventLog(volume, Clock(), "STANDIN")


def reopen(volume):
    return EventLog(volume, Clock(), "STANDIN")


def test_records_survive_and_numbers_go_on(volume, log):
    first = log.write(USER32, 1074, [("param1", "a"), ("param6", "")])
    log.write(EVENTLOG, 6006, [(None, "")], binary=b"\1\2")
    again = reopen(volume)
    assert again.events() == log.events()
    assert again.events()[0] == first
    assert again.write(EVENTLOG, 6005, []).record_id == 3


@given(st.lists(st.one_of(st.binary(max_size=30), st.just(b"ElfFile\0"), st.just(b"ElfChnk\0"))))
def test_no_content_of_the_file_stops_the_log(tmp_path_factory, pieces):
    volume = Volume(tmp_path_factory.mktemp("log"))
    # At the places of the headers of the file and of two chunks.
    content = bytearray(b"".join(pieces).ljust(4096, b"\0") * 17 * 2)
    volume.write(LOG, bytes(content))
    log = reopen(volume)
    written = log.write(EVENTLOG, 6005, [])
    assert reopen(volume).events()[-1] == written


def test_a_batch_is_one_write(volume, log):
    with log.batch():
        log.write(EVENTLOG, 6005, [])
        log.write(EVENTLOG, 6013, [])
        assert reopen(volume).events() == []
    assert len(reopen(volume).events()) == 2


def test_clearing(volume, log):
    log.write(EVENTLOG, 6005, [])
    log.clear()
    assert log.events() == reopen(volume).events() == []


def test_a_1074_looks_as_wevtutil_prints_it():
    """Against a record of a real Windows log (omerbenamram/evtx, samples), newer spelling."""
    event = Event(
        299,
        datetime(2017, 7, 12, 17, 20, 4, 791341, UTC),
        USER32,
        1074,
        4,
        [("param1", "msiexec.exe"), ("param6", "")],
        "DESKTOP-2KGM189",
        b"",
    )
    assert to_xml(event) == (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        "<Provider Name='User32' Guid='{b0aa8734-56f7-41cc-b2f4-de228e98b946}' "
        "EventSourceName='User32'/><EventID Qualifiers='32768'>1074</EventID><Version>0</Version>"
        "<Level>4</Level><Task>0</Task><Opcode>0</Opcode><Keywords>0x8080000000000000</Keywords>"
        "<TimeCreated SystemTime='2017-07-12T17:20:04.7913410Z'/>"
        "<EventRecordID>299</EventRecordID><Correlation/>"
        "<Execution ProcessID='592' ThreadID='596'/><Channel>System</Channel>"
        "<Computer>DESKTOP-2KGM189</Computer><Security UserID='S-1-5-18'/></System>"
        "<EventData><Data Name='param1'>msiexec.exe</Data><Data Name='param6'></Data></EventData>"
        "</Event>"
    )


def test_classic_and_manifest_records_differ_as_in_windows(log):
    classic = to_xml(log.write(EVENTLOG, 6006, [(None, "")], binary=b"\x01\0"))
    assert "<Provider Name='EventLog'/><EventID Qualifiers='32768'>6006</EventID>" in classic
    assert "<EventData><Data></Data><Binary>0100</Binary></EventData>" in classic
    assert "<Keywords>0x80000000000000</Keywords>" in classic
    kernel = to_xml(log.write(KERNEL_POWER, 109, []))
    assert "<EventID>109</EventID>" in kernel
    assert "<Task>103</Task>" in kernel
    manager = to_xml(log.write(SERVICE_CONTROL_MANAGER, 7043, [], level=2))
    assert "<EventID Qualifiers='49152'>7043</EventID>" in manager


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_text_gives_well_formed_xml(name, text):
    event = Event(1, datetime(2026, 1, 1, tzinfo=UTC), Provider("P", None, None), 1, 4,
                  [(name, text)], "C", b"")  # fmt: skip
    root = ElementTree.fromstring(to_xml(event))
    (data,) = root.iter(f"{NS}Data")
    if text.isprintable():
        assert (data.text or "") == text
