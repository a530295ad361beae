"""The System log as a file: what another reader of .evtx files finds in it, whole and torn.

The other reader is omerbenamram/evtx, a Rust program that shares nothing with the stand-in.
"""

import json
import os
import random
import re
import struct
from binascii import crc32
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standin.boot_records import write_boot_records
from standin.clock import Clock
from standin.eventlog import (
    EVENTLOG,
    KERNEL_GENERAL,
    KERNEL_POWER,
    LOG,
    SERVICE_CONTROL_MANAGER,
    USER32,
    EventLog,
    Provider,
    to_xml,
)
from standin.evtx.event_record import EVENT_GUID
from standin.volume import Volume

from tests.standin.offline import log_records, plain

CHUNK = 64 * 1024
SECTOR = 512

# Anything Python has for a text, so halves of pairs and control characters too.
texts = st.one_of(st.text(max_size=40), st.text("\0\t\r\n\x85\ud800\ufffe<&>' é\U0001f600"))
named = st.dictionaries(st.text("abC", min_size=1, max_size=9), texts, max_size=9)
unnamed = st.lists(texts, max_size=9)
providers = st.sampled_from(
    [EVENTLOG, USER32, KERNEL_POWER, SERVICE_CONTROL_MANAGER, Provider("Other", None, None)]
)
events = st.tuples(
    providers,
    st.integers(0, 0xFFFF),
    st.one_of(named.map(lambda d: list(d.items())), unnamed.map(lambda d: [(None, t) for t in d])),
    st.sampled_from([1, 2, 3, 4]),
    st.binary(max_size=20),
)


@pytest.fixture
def log(volume):
    return EventLog(volume, Clock(), "STANDIN")


def reopen(volume, **options):
    return EventLog(volume, Clock(), "STANDIN", **options)


def contents(record):
    """The event of a record in JSON: provider, id, level, time, names and texts, binary."""
    event = json.loads(record["data"])["Event"]
    system, data = event["System"], dict(event["EventData"] or {})
    source = system["Provider"]["#attributes"]
    event_id = system["EventID"]
    binary = bytes.fromhex(data.pop("Binary", None) or "")
    if set(data) == {"Data"} and isinstance(data["Data"], dict):
        inner = data["Data"]["#text"]
        pairs = [(None, text) for text in ([inner] if isinstance(inner, str) else inner)]
    else:
        pairs = list(data.items())
    guid = source.get("Guid")
    return (
        record["event_record_id"],
        datetime.fromisoformat(system["TimeCreated"]["#attributes"]["SystemTime"]),
        (
            source["Name"],
            guid and f"{{{guid.lower()}}}",
            source.get("EventSourceName"),
        ),
        event_id["#text"] if isinstance(event_id, dict) else event_id,
        system["Level"],
        pairs,
        system["Computer"],
        binary,
    )


# What is in the file


def test_the_records_of_a_session_are_those_that_wevtutil_prints(machine):
    machine.boot()
    machine.system.press_power_button()
    machine.ended()
    machine.boot(dirty=True)
    machine.system.press_power_button()
    machine.ended()
    # A session whose end is missing: 41 and 6008 come with the next.
    machine.boot()
    machine.boot()
    written = machine.system.event_log.events()
    assert {12, 13, 20, 27, 41, 109, 1074, 6005, 6006, 6008, 6009, 6013} <= set(machine.ids())
    found = log_records(machine.volume.path(LOG))
    assert sorted(found) == [event.record_id for event in written]
    for event in written:
        record = found[event.record_id]
        assert plain(record["data"]) == plain(to_xml(event))
        written_at = datetime.fromisoformat(record["timestamp"].replace(" UTC", ""))
        assert abs(written_at - event.time) < timedelta(milliseconds=1)


@settings(max_examples=150)
@given(st.lists(events, max_size=12), st.booleans())
def test_any_events_come_back(tmp_path_factory, written, batched):
    volume = Volume(tmp_path_factory.mktemp("log"))
    log = reopen(volume)
    with log.batch() if batched else nullcontext():
        for provider, event_id, data, level, binary in written:
            log.write(provider, event_id, data, level=level, binary=binary)
    assert reopen(volume).events() == log.events()
    if not written:
        return
    found = log_records(volume.path(LOG), "records_json")
    assert [contents(record) for record in found.values()] == [tuple(e) for e in log.events()]
    for event in log.events():
        for _, text in event.data:
            assert not re.search("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", text)


def test_values_have_windows_types(volume, log):
    write_boot_records(log, datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "20348", 3.0)
    log.write(KERNEL_GENERAL, 13, [("StopTime", "no time")])
    found = log_records(volume.path(LOG), "records_json").values()
    data = [json.loads(record["data"])["Event"]["EventData"] for record in found]
    start = data[0]
    assert (start["MajorVersion"], start["BuildVersion"]) == (10, 20348)
    assert start["StartTime"] == "2026-03-01T09:30:00.000000Z"
    assert (data[1]["LastShutdownGood"], data[1]["LastBootId"]) == (True, 0)
    assert data[2] == {"BootType": 0, "LoadOptions": " NOEXECUTE=OPTOUT"}
    # What is not of its type goes as the text it is.
    assert data[-1] == {"StopTime": "no time"}


def test_checksums_and_counts_are_right(volume, log):
    for _ in range(300):
        log.write(EVENTLOG, 6013, [(None, "x" * 300)])
    log.close()
    data = volume.path(LOG).read_bytes()
    assert len(data) % CHUNK == 4096
    chunks = [data[at : at + CHUNK] for at in range(4096, len(data), CHUNK)]
    assert len(chunks) > 2
    first, last, next_record = struct.unpack_from("<QQQ", data, 8)
    assert (first, last, next_record) == (0, len(chunks) - 1, 301)
    assert struct.unpack_from("<H", data, 42) == (len(chunks),)
    assert struct.unpack_from("<I", data, 124) == (crc32(data[:120]),)
    expected = 1
    for chunk in chunks:
        first, last = struct.unpack_from("<QQ", chunk, 24)
        last_at, end, records = struct.unpack_from("<III", chunk, 44)
        assert first == expected
        assert struct.unpack_from("<Q", chunk, last_at + 8) == (last,)
        assert records == crc32(chunk[512:end])
        assert struct.unpack_from("<I", chunk, 124) == (crc32(chunk[:120] + chunk[128:512]),)
        assert not any(chunk[end:])
        expected = last + 1


def test_names_and_templates_are_stored_once(volume, log):
    sizes = []
    for n in range(3):
        log.write(USER32, 1074, [("param1", str(n))])
        (end,) = struct.unpack_from("<I", volume.path(LOG).read_bytes(), 4096 + 48)
        sizes.append(end)
    assert reopen(volume).write(USER32, 1074, [("param1", "3")]).record_id == 4
    (end,) = struct.unpack_from("<I", volume.path(LOG).read_bytes(), 4096 + 48)
    assert sizes[0] > 1500
    assert sizes[1] - sizes[0] == sizes[2] - sizes[1] == end - sizes[2] < 400


def test_the_header_is_dirty_and_stale_while_the_log_is_in_use(volume, log):
    def header():
        data = volume.path(LOG).read_bytes()
        next_record, flags = struct.unpack_from("<Q", data, 24) + struct.unpack_from(
            "<I", data, 120
        )
        return next_record, flags

    log.write(EVENTLOG, 6005, [])
    log.write(EVENTLOG, 6006, [])
    assert header() == (1, 1)
    log.close()
    assert header() == (3, 0)
    log.write(EVENTLOG, 6013, [])
    assert header() == (3, 1)
    again = reopen(volume)
    again.write(EVENTLOG, 6005, [])
    assert header() == (4, 1)


def test_an_orderly_end_leaves_the_log_clean_and_another_does_not(machine):
    def flags():
        return struct.unpack_from("<I", machine.volume.path(LOG).read_bytes(), 120)[0]

    machine.boot()
    assert flags() == 1
    machine.system.press_power_button()
    machine.ended()
    assert flags() == 0


def test_a_full_log_loses_its_oldest_chunk(volume):
    log = reopen(volume, most_chunks=3)
    for n in range(500):
        log.write(EVENTLOG, 6013, [(None, f"{n} " + "x" * 300)])
    assert volume.path(LOG).stat().st_size == 4096 + 3 * CHUNK
    kept = [event.record_id for event in log.events()]
    assert kept == list(range(kept[0], 501))
    assert 150 < len(kept) < 250
    assert sorted(log_records(volume.path(LOG))) == kept
    again = reopen(volume, most_chunks=3)
    assert again.events() == log.events()
    for n in range(100):
        again.write(EVENTLOG, 6013, [(None, f"{n} " + "x" * 300)])
    kept = [event.record_id for event in again.events()]
    assert kept == list(range(kept[0], 601))
    assert sorted(log_records(volume.path(LOG))) == kept


def test_what_is_larger_than_a_chunk_is_lost_and_nothing_else(volume, log):
    with log.batch():
        log.write(EVENTLOG, 6005, [])
        log.write(USER32, 1074, [("param1", "x" * 40_000)])
        log.write(USER32, 1074, [("param1", "x" * 30_000), ("param2", "y" * 40_000)])
        log.write(EVENTLOG, 6006, [], binary=b"z" * 60_000)
        log.write(EVENTLOG, 6013, [])
    assert log.lost == 2
    assert [event.event_id for event in log.events()] == [6005, 6006, 6013]
    assert reopen(volume).events() == log.events()
    assert sorted(log_records(volume.path(LOG))) == [1, 4, 5]


def test_clearing_leaves_an_empty_log_for_other_readers(volume, log):
    log.write(EVENTLOG, 6005, [])
    log.clear()
    assert log_records(volume.path(LOG)) == {}
    log.write(EVENTLOG, 6006, [])
    assert [contents(r)[3] for r in log_records(volume.path(LOG), "records_json").values()] == [
        6006
    ]


# Torn and damaged


@contextmanager
def recorded(monkeypatch):
    """What goes to the disk: (place, bytes) for a write, None for a flush."""
    steps = []
    real = os.pwrite, os.fsync

    def pwrite(fd, data, at):
        steps.append((at, bytes(data)))
        return real[0](fd, data, at)

    def fsync(fd):
        steps.append(None)  # type: ignore[arg-type]
        return real[1](fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", pwrite)
        patch.setattr(os, "fsync", fsync)
        yield steps


def after_cut(steps, chance):
    """A file of which the disk has what was flushed, and of the rest any sectors."""
    flushed = max((n for n, step in enumerate(steps) if step is None), default=-1) + 1
    data = bytearray()
    for n, step in enumerate(steps):
        if step is None:
            continue
        at, written = step
        for start in range(0, len(written), SECTOR):
            if n < flushed or chance.random() < 0.5:
                piece = written[start : start + SECTOR]
                data.extend(bytes(max(0, at + start + len(piece) - len(data))))
                data[at + start : at + start + len(piece)] = piece
    return bytes(data)


@pytest.mark.parametrize("most_chunks", [319, 2])
def test_a_loss_of_power_at_any_moment_costs_no_record_that_was_written(
    tmp_path, monkeypatch, most_chunks
):
    volume = Volume(tmp_path / "whole")
    chance = random.Random(7)
    done = []
    with recorded(monkeypatch) as steps:
        for _ in range(3):
            log = reopen(volume, most_chunks=most_chunks)
            for n in range(12):
                with log.batch():
                    for _ in range(1 + n % 3):
                        log.write(EVENTLOG, 6013, [(None, "x" * chance.randrange(6000))])
                    log.write(USER32, 1074, [("param1", str(n))])
                done.append((len(steps), log.events()))
            log.close()
    for cut in range(1, len(steps)):
        torn = Volume(tmp_path / "torn")
        torn.write(LOG, after_cut(steps[:cut], chance))
        before = max((d for d in done if d[0] <= cut), default=(0, []))[1]
        after = min((d for d in done if d[0] > cut), default=done[-1])[1]
        log = reopen(torn, most_chunks=most_chunks)
        kept = log.events()
        known = {event.record_id: event for event in (*before, *after)}
        assert kept == [known[event.record_id] for event in kept]
        ids = [event.record_id for event in kept]
        assert ids == list(range(ids[0], ids[-1] + 1)) if ids else not before
        if before:
            assert ids[-1] >= before[-1].record_id
            assert ids[0] <= max(before[0].record_id, after[0].record_id)
            assert sorted(log_records(torn.path(LOG))) == ids
        # The log goes on behind the tear.
        log.write(EVENTLOG, 6008, [])
        assert sorted(log_records(torn.path(LOG))) == [event.record_id for event in log.events()]
        assert reopen(torn, most_chunks=most_chunks).events() == log.events()


@settings(max_examples=150)
@given(st.data())
def test_what_stands_before_a_tear_is_read(tmp_path_factory, data):
    """The header counts what did not reach the disk, as a disk may do that flushes nothing."""
    volume = Volume(tmp_path_factory.mktemp("log"))
    log = reopen(volume)
    ends = [4096 + 512]
    for n in range(data.draw(st.integers(1, 12))):
        log.write(USER32, 1074, [("param1", "x" * n), ("param2", "y")])
        ends.append(4096 + struct.unpack_from("<I", volume.path(LOG).read_bytes(), 4096 + 48)[0])
    whole = volume.path(LOG).read_bytes()
    at = data.draw(st.integers(4096 + 512, ends[-1]))
    rest = data.draw(st.sampled_from([b"\0", b"\xff", b""]))
    torn = whole[:at] + rest * (len(whole) - at)
    volume.path(LOG).write_bytes(torn)
    # A record ends in zeros, and may be whole with some of them torn off.
    left = torn.ljust(len(whole), b"\0")
    expected = log.events()[: sum(whole[:end] == left[:end] for end in ends[1:])]
    again = reopen(volume)
    assert again.events() == expected
    if rest:
        found = list(log_records(volume.path(LOG)))
        assert found[: len(expected)] == [event.record_id for event in expected]
        # The other reader does not look at what ends a record.
        assert len(found) <= len(expected) + 1
    again.write(EVENTLOG, 6008, [])
    assert reopen(volume).events()[:-1] == expected


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8))
def test_no_damage_stops_the_log(tmp_path_factory, damage):
    volume = Volume(tmp_path_factory.mktemp("log"))
    log = reopen(volume)
    for n in range(6):
        log.write(USER32, 1074, [("param1", "x" * n)])
        log.write(EVENTLOG, 6013, [(None, "a"), (None, "")], binary=b"b")
    content = bytearray(volume.path(LOG).read_bytes())
    for at, value in damage:
        content[at] = value
    volume.path(LOG).write_bytes(content)
    again = reopen(volume)
    written = again.write(EVENTLOG, 6008, [])
    assert reopen(volume).events()[-1] == written


def test_records_of_another_maker_are_left_alone(volume, log):
    log.write(EVENTLOG, 6005, [])
    content = bytearray(volume.path(LOG).read_bytes())
    at = content.index(EVENT_GUID)
    content[at] ^= 1
    volume.path(LOG).write_bytes(content)
    assert reopen(volume).events() == []
