from __future__ import annotations

import os
from pathlib import Path

import pytest

from powerdown.core.deadline import now
from powerdown.core.errors import HostError
from powerdown.host.admission.slot_file import ProcessName, SlotFile, SlotState
from tests.support.fake_kernel import FakeProc

WORKER = ProcessName(10, 100)
GUEST = ProcessName(20, 200)


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    proc = FakeProc(tmp_path / "proc")
    proc.process(WORKER.pid, started=WORKER.started)
    proc.process(GUEST.pid, started=GUEST.started)
    return proc


@pytest.fixture
def slots(tmp_path: Path, proc: FakeProc) -> SlotFile:
    return SlotFile(tmp_path / "run" / "admission", proc.path)


def enter(slots: SlotFile, seconds: float = 60) -> int:
    with slots.opened() as table:
        return table.enter(WORKER, 1, 5, now() + seconds).ticket


def tickets(slots: SlotFile) -> list[int]:
    with slots.opened() as table:
        return [entry.ticket for entry in table.entries]


def test_what_one_enters_another_reads(tmp_path: Path, slots: SlotFile, proc: FakeProc) -> None:
    ticket = enter(slots)
    with slots.opened() as table:
        entry = table.find(ticket)
        assert entry is not None
        entry.state, entry.guest, entry.ready_at = SlotState.READY, GUEST, 1.5
    with SlotFile(tmp_path / "run" / "admission", proc.path).opened() as table:
        assert table.entries == [entry]
        assert table.living() == [entry]


def test_guests_of_a_dead_worker_vanish(slots: SlotFile, proc: FakeProc) -> None:
    enter(slots)
    proc.process(WORKER.pid, started=WORKER.started, state="Z")
    assert tickets(slots) == []


def test_another_process_with_the_same_id_is_not_taken_for_the_worker(
    slots: SlotFile, proc: FakeProc
) -> None:
    enter(slots)
    proc.process(WORKER.pid, started=WORKER.started + 1)
    assert tickets(slots) == []


def test_a_guest_that_has_powered_off_vanishes(slots: SlotFile, proc: FakeProc) -> None:
    ticket, other = enter(slots), enter(slots)
    with slots.opened() as table:
        for number in (ticket, other):
            entry = table.find(number)
            assert entry is not None
            entry.guest = GUEST if number == ticket else None
    proc.process(GUEST.pid, started=GUEST.started, state="Z")
    assert tickets(slots) == [other]


def test_no_ticket_is_given_out_twice(slots: SlotFile) -> None:
    first = enter(slots)
    with slots.opened() as table:
        table.remove(first)
    assert enter(slots) > first


def test_who_asked_earlier_comes_first_as_long_as_it_waits(slots: SlotFile) -> None:
    patient, impatient, mine = enter(slots), enter(slots, seconds=-1), enter(slots)
    with slots.opened() as table:
        assert [entry.ticket for entry in table.before(mine)] == [patient]
        entry = table.find(patient)
        assert entry is not None
        entry.state = SlotState.STARTING
        assert table.before(mine) == []
        assert impatient < mine


def test_a_block_that_raises_changes_nothing(slots: SlotFile) -> None:
    with pytest.raises(KeyError), slots.opened() as table:
        table.enter(WORKER, 1, 5, 0.0)
        raise KeyError
    assert tickets(slots) == []


def test_a_ledger_that_cannot_be_written_says_so(tmp_path: Path, slots: SlotFile) -> None:
    (tmp_path / "run" / "admission").rmdir()
    with pytest.raises(HostError, match="slot file"):
        enter(slots)


@pytest.mark.parametrize(
    "damage",
    [b'{"next_ticket": 7, "entr', b"[]", b"\xff\x00" * 99],
    ids=["cut", "something else", "garbage"],
)
def test_a_damaged_one_is_begun_anew_with_tickets_that_nobody_has(
    tmp_path: Path, slots: SlotFile, damage: bytes
) -> None:
    lost = enter(slots)
    (tmp_path / "run" / "admission" / "slots.json").write_bytes(damage)
    with slots.opened() as table:
        assert table.find(lost) is None
    new = enter(slots)
    assert new > lost
    assert tickets(slots) == [new]


def test_this_process_is_alive_and_no_other_start_of_it() -> None:
    me = ProcessName.of(os.getpid())
    assert me is not None
    assert me.alive()
    assert not ProcessName(me.pid, me.started + 1).alive()
