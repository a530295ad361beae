"""Reading System logs, made ones and real ones.

What they contain is established here in another way: from the JSON that the package ``evtx`` makes
of a whole file, without the code under test, and from how the made ones were built.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import DiskError
from powerdown.disk.history.event_log_chunks import (
    CHUNK_SIZE,
    FILE_HEADER_SIZE,
    FILE_MAGIC,
    chunks_of,
)
from powerdown.disk.history.power_history import StartKind, power_history
from powerdown.disk.history.power_records import POWER_RECORDS, is_power_record
from powerdown.disk.history.session_end import BAD, EndKind
from powerdown.disk.history.system_log import (
    Gap,
    SystemLog,
    read_system_log,
    system_log_from_json,
    system_log_to_json,
)
from tests.support.power_log import WORDS, log_of
from tests.support.samples import INCOMPLETE_LOGS, LogFile

evtx = pytest.importorskip("evtx", reason="reading .evtx files needs the package evtx")


@dataclass(frozen=True)
class Told:
    """One record as the JSON of the package has it."""

    number: int
    provider: str
    event_id: int
    data: dict[str, object]


def told_by(path: Path) -> list[Told]:
    """All records of a file, in the order of their numbers, without the harness."""
    found = []
    for entry in evtx.PyEvtxParser(str(path)).records_json():
        event = json.loads(entry["data"])["Event"]
        system = event["System"]
        names = system["Provider"]["#attributes"]
        event_id = system["EventID"]
        found.append(
            Told(
                entry["event_record_id"],
                names.get("EventSourceName") or names["Name"],
                event_id if isinstance(event_id, int) else event_id["#text"],
                event.get("EventData") or event.get("UserData") or {},
            )
        )
    return sorted(found, key=lambda told: told.number)


@pytest.fixture
def path(system_log: LogFile) -> Path:
    """The file of a log."""
    return system_log.path


@pytest.fixture
def data(path: Path) -> bytes:
    """The bytes of a log."""
    return path.read_bytes()


def test_every_power_record_is_read_and_nothing_else(path: Path) -> None:
    told = told_by(path)
    wanted = [t for t in told if t.event_id in POWER_RECORDS.get(t.provider.casefold(), ())]
    log = read_system_log(path.read_bytes())
    assert [(r.record_id, r.provider, r.event_id) for r in log.records] == [
        (t.number, t.provider, t.event_id) for t in wanted
    ]
    assert log.damaged == 0
    assert log.notes == ()
    missing = [
        Gap(a.number + 1, b.number - 1) for a, b in pairwise(told) if b.number > a.number + 1
    ]
    assert list(log.gaps) == missing
    assert log.last_signs[-1].record_id == told[-1].number


def test_named_data_keep_their_names_and_unnamed_their_places(path: Path) -> None:
    told = {t.number: t for t in told_by(path)}
    seen = Counter()
    for record in read_system_log(path.read_bytes()).records:
        other = told[record.record_id].data
        seen[record.event_id] += 1
        if record.event_id == 1074:
            assert dict(record.data) == {f"param{n}": str(other[f"param{n}"]) for n in range(1, 8)}
        if record.event_id == 6009:
            texts = other["Data"]["#text"]  # type: ignore[index]
            assert dict(record.data) == {str(n): text for n, text in enumerate(texts, start=1)}
        if record.event_id == 104:
            assert record.data["Channel"] == other["LogFileCleared"]["Channel"]  # type: ignore[index]
        if record.event_id == 42:
            assert {k: int(v) for k, v in record.data.items()} == other
    # Other providers use none of these numbers.
    for event_id in (42, 104, 1074, 6009):
        assert seen[event_id] == sum(t.event_id == event_id for t in told.values())
    assert seen[1074] and seen[6009]


def test_sessions_are_as_many_as_their_records_say(system_log: LogFile) -> None:
    """Every cold start writes one 6005 and one 12, every orderly stop one 6006, 109, 13 and 1074;
    the start after an unclean stop one 6008 and one 41."""
    told = told_by(system_log.path)
    kinds = Counter((t.provider, t.event_id) for t in told)
    known = system_log.known.sessions
    starts = [start for start, _ in known]
    ends = [end for _, end in known]
    assert kinds["EventLog", 6005] == kinds["Microsoft-Windows-Kernel-General", 12]
    assert kinds["EventLog", 6005] == starts.count(StartKind.COLD)
    stops = Counter(
        t.data["ShutdownActionType"]
        for t in told
        if (t.provider, t.event_id) == ("Microsoft-Windows-Kernel-Power", 109)
    )
    assert stops == Counter({5: ends.count(EndKind.RESTARTED), 6: ends.count(EndKind.POWERED_OFF)})
    assert kinds["EventLog", 6006] == stops.total()
    unclean = sum(end in BAD for end in ends)
    assert kinds["EventLog", 6008] == kinds["Microsoft-Windows-Kernel-Power", 41] == unclean
    history = power_history(read_system_log(system_log.path.read_bytes()))
    assert [(s.start.kind, s.end.kind) for s in history.sessions] == list(known)
    asked = [t.data["param1"] for t in told if t.event_id == 1074]
    assert len(asked) == stops.total()
    assert [s.end.asked.process for s in history.sessions if s.end.asked] == asked
    sleeps = [sleep for s in history.sessions for sleep in s.sleeps]
    hibernations = ends.count(EndKind.HIBERNATED)
    assert len(sleeps) == kinds["Microsoft-Windows-Kernel-Power", 42] - hibernations
    assert [len(sleep.records) for sleep in sleeps] == [3] * len(sleeps)


@pytest.mark.parametrize("system_log", INCOMPLETE_LOGS, indirect=True, ids=str)
def test_a_log_whose_end_is_unknown_lacks_records(system_log: LogFile) -> None:
    known = system_log.known
    assert known.missing is not None
    first, last = known.missing
    told = told_by(system_log.path)
    assert (len(told), told[-1].number) == (known.records, known.last)
    assert known.records == known.last - (last - first + 1)
    history = power_history(read_system_log(system_log.path.read_bytes()))
    assert f"records {first} to {last}" in history.sessions[-1].end.notes[0]


def test_only_newer_records_if_asked(data: bytes) -> None:
    everything = read_system_log(data)
    after = everything.records[len(everything.records) // 2].record_id
    newer = read_system_log(data, after)
    assert newer.records == tuple(r for r in everything.records if r.record_id > after)
    nothing = read_system_log(data, 10**9)
    assert nothing.records == ()
    assert nothing.notes == ("it contains no records after number 1000000000",)


# What happens to logs


def chunks(data: bytes) -> list[bytes]:
    return [data[i : i + CHUNK_SIZE] for i in range(FILE_HEADER_SIZE, len(data), CHUNK_SIZE)]


def file_of(data: bytes, parts: list[bytes]) -> bytes:
    return data[:FILE_HEADER_SIZE] + b"".join(parts)


def test_a_full_log_begins_again_at_its_first_chunk(data: bytes) -> None:
    parts = chunks(data)
    for turn in (1, 2, len(parts) - 1):
        turned = file_of(data, parts[turn:] + parts[:turn])
        assert read_system_log(turned) == read_system_log(data)


def test_a_log_that_was_not_closed_has_stale_headers(data: bytes) -> None:
    stale = bytearray(data)
    stale[8:32] = bytes(24)
    stale[120:128] = b"\1" + bytes(7)
    for start in range(FILE_HEADER_SIZE, len(data), CHUNK_SIZE):
        if stale[start : start + 8] != b"ElfChnk\0":
            continue
        # As they were when the first record of the chunk had been written.
        size = int.from_bytes(stale[start + 516 : start + 520], "little")
        stale[start + 16 : start + 24] = stale[start + 8 : start + 16]
        stale[start + 32 : start + 40] = stale[start + 24 : start + 32]
        stale[start + 48 : start + 52] = (512 + size).to_bytes(4, "little")
    whole = read_system_log(data)
    assert read_system_log(bytes(stale)).records == whole.records


def test_records_left_over_behind_the_free_space_are_not_taken(data: bytes) -> None:
    """A chunk that is written anew still holds what was there before."""
    first, *others = chunks(data)
    size = int.from_bytes(first[516:520], "little")
    second = 512 + size
    anew = bytearray(first)
    anew[48:52] = second.to_bytes(4, "little")
    old_number = int.from_bytes(anew[second + 8 : second + 16], "little") + 7
    anew[second + 8 : second + 16] = old_number.to_bytes(8, "little")
    log = read_system_log(file_of(data, [bytes(anew), *others]))
    numbers = {stamp.record_id for stamp in chunks_of(bytes(anew)).found[0].stamps}
    assert len(numbers) == 1
    assert old_number not in [record.record_id for record in log.records[:1]]
    assert log.damaged == 0


@pytest.mark.parametrize("share", [0.1, 0.35, 0.5, 0.77])
def test_half_a_log_is_its_beginning(data: bytes, share: float) -> None:
    whole = read_system_log(data).records
    half = read_system_log(data[: int(len(data) * share)]).records
    assert half == whole[: len(half)]
    assert share < 0.2 or len(half) > 20


def test_the_other_half_of_a_log_is_its_end(data: bytes) -> None:
    """Cut out of a disk, say: without a header, and not at a chunk."""
    log = read_system_log(data[len(data) // 4 + 77 :])
    whole = read_system_log(data).records
    assert 20 < len(log.records) < len(whole)
    assert log.records == whole[-len(log.records) :]
    assert any("start is damaged or missing" in note for note in log.notes)


def test_a_chunk_that_is_overwritten_is_missed_and_counted(data: bytes) -> None:
    first, _, *others = chunks(data)
    log = read_system_log(file_of(data, [first, b"\xa5" * CHUNK_SIZE, *others]))
    assert log.damaged == 1
    whole = read_system_log(data)
    gap = log.gaps[0]
    assert log.records == tuple(
        r for r in whole.records if not gap.first <= r.record_id <= gap.last
    )
    notes = [note for session in power_history(log).sessions for note in session.end.notes]
    assert f"records {gap.first} to {gap.last} may contain a stop and another start" in notes


def test_a_record_that_is_overwritten_costs_no_record_behind_it(data: bytes) -> None:
    """But for those that use a template that lay in it, so one of the last of a chunk is taken."""
    first, *others = chunks(data)
    stamps = chunks_of(first).found[0].stamps
    whole = read_system_log(data).records
    place = int.from_bytes(first[44:48], "little")
    for stamp in reversed(stamps[-3:]):
        damaged = bytearray(first)
        damaged[place : place + 24] = b"\xff" * 24
        log = read_system_log(file_of(data, [bytes(damaged), *others]))
        assert log.records == tuple(r for r in whole if r.record_id != stamp.record_id)
        assert log.damaged == 1
        place -= int.from_bytes(first[place - 4 : place], "little")


def test_a_damaged_table_of_names_costs_nothing(data: bytes) -> None:
    first, *others = chunks(data)
    damaged = first[:128] + b"\xee" * 256 + first[384:]
    assert read_system_log(file_of(data, [damaged, *others])) == read_system_log(data)


def test_names_that_lead_back_to_one_another_are_not_followed(data: bytes) -> None:
    """The package would do so for ever."""
    first, *others = chunks(data)
    places = [int.from_bytes(first[i : i + 4], "little") for i in range(128, 384, 4)]
    one, two = [place for place in places if place][:2]
    damaged = bytearray(first)
    damaged[one : one + 4] = two.to_bytes(4, "little")
    damaged[two : two + 4] = one.to_bytes(4, "little")
    log = read_system_log(file_of(data, [bytes(damaged), *others]))
    assert log == read_system_log(data)


@pytest.mark.parametrize(
    "garbage", [b"", b"\0" * 100_000, b"QFI\xfb" + b"\1" * 5000, b"ElfFil", b"regf" * 100]
)
def test_what_is_no_log_is_an_error(garbage: bytes) -> None:
    with pytest.raises(DiskError, match=r"could not read the System log: .*System\.evtx"):
        read_system_log(garbage)


def test_an_empty_log_is_one() -> None:
    log = read_system_log(FILE_MAGIC + bytes(FILE_HEADER_SIZE - 8 + 3 * CHUNK_SIZE))
    assert log == SystemLog((), 0, ("it contains no records",))


def mutations(whole: bytes) -> Iterator[bytes]:
    """A few hundred, the same each time."""
    dice = random.Random(20260301)
    # Three chunks hold all that a mutation can meet, and are read in no time.
    short = whole[: FILE_HEADER_SIZE + 3 * CHUNK_SIZE]
    for _ in range(100):
        changed = bytearray(short)
        for _ in range(dice.choice([1, 5, 50, 500])):
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        yield bytes(changed)
    for _ in range(50):
        yield short[: dice.randrange(len(short))]
    for _ in range(100):
        start, end = sorted(dice.randrange(len(short)) for _ in range(2))
        into = dice.randrange(len(short))
        yield short[:into] + short[start:end][:70_000] + short[into:]
    for _ in range(50):
        # Where sizes, offsets and counts lie.
        changed = bytearray(short)
        chunk = FILE_HEADER_SIZE + CHUNK_SIZE * dice.randrange(3)
        for _ in range(8):
            place = chunk + dice.randrange(4096) // 4 * 4
            value = dice.choice([0, 1, 0xFFFF, 0xFFFFFFFF, 0x80000000, dice.getrandbits(32)])
            changed[place : place + 4] = value.to_bytes(4, "little")
        yield bytes(changed)


def test_mutated_logs_are_read_or_refused(data: bytes) -> None:
    for number, mutated in enumerate(mutations(data)):
        try:
            log = read_system_log(mutated)
        except DiskError:
            continue
        assert all(is_power_record(record) for record in log.records), number
        assert system_log_from_json(json.loads(json.dumps(system_log_to_json(log)))) == log, number
        power_history(log)


# Across the border between processes


def test_a_log_crosses_as_json() -> None:
    log = SystemLog(tuple(log_of(" ".join(WORDS))), 2, ("torn",), (Gap(3, 9),))
    assert system_log_from_json(json.loads(json.dumps(system_log_to_json(log)))) == log


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["records", "damaged", "notes", "gaps", "last_signs", "data", "created"]
            ),
            inner,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_anything_else_that_crosses_is_an_error(value: object) -> None:
    with pytest.raises(DiskError):
        system_log_from_json(value)


@given(st.data())
def test_a_value_of_another_type_that_crosses_is_an_error(data: st.DataObject) -> None:
    log = SystemLog(tuple(log_of("12 6005 41")), 1, ("torn",), (Gap(3, 9),))
    whole = json.loads(json.dumps(system_log_to_json(log)))
    target = data.draw(st.sampled_from([whole, *whole["records"]]))
    key = data.draw(st.sampled_from(sorted(target)))
    strangers = JSON.filter(lambda value: type(value) is not type(target[key]))
    target[key] = data.draw(strangers)
    with pytest.raises(DiskError):
        system_log_from_json(whole)
