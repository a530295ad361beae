"""Transaction logs replayed, against hives of which both states are known."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regipy.recovery import apply_transaction_logs

from powerdown.disk.hive.hive import Hive
from powerdown.disk.hive.hive_file import BytesSource, HiveFile
from powerdown.disk.hive.hive_logs import BASE_BYTES, HEAD_BYTES, BaseBlock, is_dirty, replay
from powerdown.disk.hive.marvin import marvin32
from tests.support.ntfs_volumes import (
    SYSTEM_KEYS,
    base_block,
    being_written,
    change,
    changed_pages,
    hive,
    log_entry,
    new_log,
    old_log,
)


@dataclass(frozen=True)
class States:
    """A hive and what became of it, with one page of it changed at a time."""

    before: bytes
    after: bytes
    pages: list[tuple[int, bytes]]

    @property
    def bins(self) -> int:
        return len(self.after) - BASE_BYTES

    def dirty(self, primary: int, secondary: int) -> bytes:
        return being_written(self.before, primary, secondary)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    path = tmp_path_factory.mktemp("hives") / "SYSTEM"
    before = hive(path, SYSTEM_KEYS)
    change(path, {rf"ControlSet002\Services\New{number}": {"Much": (3, bytes([number]) * 4000)}
                  for number in range(1, 9)})  # fmt: skip
    after = path.read_bytes()
    # It has grown.
    assert len(after) > len(before)
    return States(before, after, changed_pages(before, after, 4096))


def replayed(content: bytes, *logs: bytes) -> tuple[bytes, tuple[str, ...]]:
    named = list(zip((".LOG1", ".LOG2"), logs, strict=False))
    done = replay(content[:HEAD_BYTES], named)
    mended = done.applied_to(content)
    # Read in pieces it is the same.
    file = HiveFile(BytesSource(content), done)
    assert file.read() == mended
    for at in range(0, len(mended), 3001):
        file.seek(at)
        assert file.read(5000) == mended[at : at + 5000]
    return mended, done.notes


def entries(states: States, first: int, parts: int) -> list[bytes]:
    """What makes ``after`` of ``before``, in so many entries."""
    pages, count = states.pages, -(-len(states.pages) // parts)
    return [
        log_entry(first + number, states.bins, pages[number * count : (number + 1) * count])
        for number in range(parts)
    ]


def check(states: States, mended: bytes) -> None:
    assert mended[BASE_BYTES:] == states.after[BASE_BYTES:]
    base = BaseBlock.of(mended)
    assert base is not None
    assert not base.dirty
    assert base.bins_bytes == states.bins
    assert base.kind == 0


def test_marvin_of_a_real_entry() -> None:
    # The head of the first entry of a hive's log that Windows 10 wrote (msuhanov/yarp, test hive
    # NewDirtyHive1).
    values = (b"HvLE", 24064, 0, 2, 20480, 1, 7459769018531439665)
    assert marvin32(struct.pack("<4sIIIIIQ", *values)) == 14791215149383778050


def test_a_whole_hive_needs_no_log(states: States) -> None:
    log = new_log(states.before, 7, entries(states, 7, 1))
    content = states.dirty(7, 7)
    assert not is_dirty(content)
    assert replayed(content, log) == (content, ())


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_new_format(states: States, parts: int) -> None:
    content = states.dirty(9, 7)
    mended, (note,) = replayed(content, new_log(states.before, 7, entries(states, 7, parts)), b"")
    check(states, mended)
    assert f"{parts} entries of .LOG1 replayed" in note


@pytest.mark.parametrize("swapped", [False, True])
def test_entries_divided_between_both_logs(states: States, swapped: bool) -> None:
    made = entries(states, 7, 3)
    logs = [new_log(states.before, 7, made[:1]), new_log(states.before, 8, made[1:])]
    if swapped:
        logs.reverse()
    mended, (note,) = replayed(states.dirty(9, 7), *logs)
    check(states, mended)
    assert "3 entries" in note


def test_logs_older_than_the_hive_are_not_applied(states: States) -> None:
    content = states.dirty(12, 11)
    mended, (note,) = replayed(content, new_log(states.before, 7, entries(states, 7, 2)))
    assert mended == content
    assert "no log matches" in note


def test_the_other_log_where_one_is_older(states: States) -> None:
    junk = log_entry(3, states.bins, [(0, b"\xff" * 4096)])
    logs = [new_log(states.before, 3, [junk]), new_log(states.before, 7, entries(states, 7, 2))]
    mended, _ = replayed(states.dirty(8, 7), *logs)
    check(states, mended)


@pytest.mark.parametrize("at", [0, 12, 24, 32, 40, 600])
def test_a_torn_entry_ends_the_replay(states: States, at: int) -> None:
    made = entries(states, 7, 3)
    torn = bytearray(made[1])
    torn[at] ^= 0x10
    log = new_log(states.before, 7, [made[0], bytes(torn), made[2]])
    mended, (note,) = replayed(states.dirty(8, 7), log)
    only_first, _ = replayed(states.dirty(8, 7), new_log(states.before, 7, made[:1]))
    assert mended == only_first
    assert "1 entries" in note


def test_remnants_behind_the_newest_entry(states: States) -> None:
    old = log_entry(4, states.bins, [(0, b"\xff" * 4096)])
    mended, _ = replayed(
        states.dirty(8, 7), new_log(states.before, 7, [*entries(states, 7, 1), old])
    )
    check(states, mended)


def test_a_damaged_base_block_is_put_back(states: States) -> None:
    content = bytearray(states.dirty(7, 7))
    content[100] ^= 1
    mended, (note,) = replayed(bytes(content), new_log(states.before, 7, entries(states, 7, 1)))
    check(states, mended)
    assert "base block is damaged" in note


def test_old_format(states: States) -> None:
    mended, (note,) = replayed(states.dirty(8, 7), old_log(states.before, states.after, 8))
    check(states, mended)
    assert "pages of .LOG1" in note


def test_an_old_log_of_another_time(states: States) -> None:
    content = bytearray(states.dirty(8, 7))
    struct.pack_into("<Q", content, 12, 1)
    content[:BASE_BYTES] = base_block(bytes(content), primary=8, secondary=7)
    mended, (note,) = replayed(bytes(content), old_log(states.before, states.after, 8))
    assert mended == bytes(content)
    assert "no log matches" in note


def test_regipy_agrees_where_it_can(states: States, tmp_path: Path) -> None:
    # It does not let a hive grow: one that has grown already.
    grown = states.before + bytes(len(states.after) - len(states.before))
    content = base_block(grown, primary=8, secondary=7, bins=states.bins) + grown[BASE_BYTES:]
    log = new_log(states.before, 7, entries(states, 7, 2))
    (tmp_path / "hive").write_bytes(content)
    (tmp_path / "log").write_bytes(log)
    apply_transaction_logs(
        str(tmp_path / "hive"), str(tmp_path / "log"), restored_hive_path=str(tmp_path / "whole")
    )
    mended, _ = replayed(content, log)
    assert (tmp_path / "whole").read_bytes()[BASE_BYTES:] == mended[BASE_BYTES:]


def test_a_hive_reads_its_logs(states: States) -> None:
    def logs():
        yield ".LOG1", new_log(states.before, 7, entries(states, 7, 2))

    content = states.dirty(8, 7)
    found = Hive("SYSTEM", BytesSource(content), logs)
    assert "New8" in (found.names(r"ControlSet002\Services") or ())
    assert "2 entries of .LOG1 replayed" in found.notes[0]
    without = Hive("SYSTEM", BytesSource(content))
    assert "New8" not in (without.names(r"ControlSet002\Services") or ())
    assert "no log matches it (none found)" in without.notes[0]


@given(
    head=st.binary(max_size=64),
    log=st.binary(max_size=2000),
    at=st.integers(0, 3000),
    old=st.booleans(),
)
def test_any_log(states: States, head: bytes, log: bytes, at: int, old: bool) -> None:
    sound = (
        old_log(states.before, states.after, 8)
        if old
        else new_log(states.before, 7, entries(states, 7, 2))
    )
    content = states.dirty(8, 7)
    content = content[:28] + head + content[28 + len(head) :]
    damaged = sound[:at] + log + sound[at + len(log) :]
    done = replay(content[:HEAD_BYTES], [(".LOG1", damaged), (".LOG2", log)])
    assert sum(len(page.data) for page in done.pages) <= len(damaged) + len(log) + 512
    assert all(0 <= page.offset <= done.size - len(page.data) for page in done.pages)
