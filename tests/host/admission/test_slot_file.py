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
def ledger(tmp_path: Path, proc: FakeProc) -> SlotFile:
    return SlotFile(tmp_path / "run" / "admission", proc.path)


def enter(ledger: SlotFile, seconds: float = 60) -> int:
    with ledger.opened() as book:
        return book.enter(WORKER, 1, 5, now() + seconds).ticket


def tickets(ledger: SlotFile) -> list[int]:
    with ledger.opened() as book:
        return [entry.ticket for entry in book.entries]


def test_what_one_enters_another_reads(tmp_path: Path, ledger: SlotFile, proc: FakeProc) -> None:
    ticket = enter(ledger)
    with ledger.opened() as book:
        entry = book.find(ticket)
        assert entry is not None
        entry.standing, entry.guest, entry.ready_at = SlotState.READY, GUEST, 1.5
    with SlotFile(tmp_path / "run" / "admission", proc.path).opened() as book:
        assert book.entries == [entry]
        assert book.living() == [entry]


def test_guests_of_a_dead_worker_vanish(ledger: SlotFile, proc: FakeProc) -> None:
    enter(ledger)
    proc.process(WORKER.pid, started=WORKER.started, state="Z")
    assert tickets(ledger) == []


def test_another_process_with_the_same_id_is_not_taken_for_the_worker(
    ledger: SlotFile, proc: FakeProc
) -> None:
    enter(ledger)
    proc.process(WORKER.pid, started=WORKER.started + 1)
    assert tickets(ledger) == []


def test_a_guest_that_has_powered_off_vanishes(ledger: SlotFile, proc: FakeProc) -> None:
    ticket, other = enter(ledger), enter(ledger)
    with ledger.opened() as book:
        for number in (ticket, other):
            entry = book.find(number)
            assert entry is not None
            entry.guest = GUEST if number == ticket else None
    proc.process(GUEST.pid, started=GUEST.started, state="Z")
    assert tickets(ledger) == [other]


def test_no_ticket_is_given_out_twice(ledger: SlotFile) -> None:
    first = enter(ledger)
    with ledger.opened() as book:
        book.remove(first)
    assert enter(ledger) > first


def test_who_asked_earlier_comes_first_as_long_as_it_waits(ledger: SlotFile) -> None:
    patient, impatient, mine = enter(ledger), enter(ledger, seconds=-1), enter(ledger)
    with ledger.opened() as book:
        assert [entry.ticket for entry in book.before(mine)] == [patient]
        entry = book.find(patient)
        assert entry is not None
        entry.standing = SlotState.STARTING
        assert book.before(mine) == []
        assert impatient < mine


def test_a_block_that_raises_changes_nothing(ledger: SlotFile) -> None:
    with pytest.raises(KeyError), ledger.opened() as book:
        book.enter(WORKER, 1, 5, 0.0)
        raise KeyError
    assert tickets(ledger) == []


def test_a_ledger_that_cannot_be_written_says_so(tmp_path: Path, ledger: SlotFile) -> None:
    (tmp_path / "run" / "admission").rmdir()
    with pytest.raises(HostError, match="ledger of guests"):
        enter(ledger)


@pytest.mark.parametrize(
    "damage",
    [b'{"next_ticket": 7, "entr', b"[]", b"\xff\x00" * 99],
    ids=["cut", "something else", "garbage"],
)
def test_a_damaged_one_is_begun_anew_with_tickets_that_nobody_has(
    tmp_path: Path, ledger: SlotFile, damage: bytes
) -> None:
    lost = enter(ledger)
    (tmp_path / "run" / "admission" / "ledger.json").write_bytes(damage)
    with ledger.opened() as book:
        assert book.find(lost) is None
    new = enter(ledger)
    assert new > lost
    assert tickets(ledger) == [new]


def test_this_process_is_alive_and_no_other_start_of_it() -> None:
    me = ProcessName.of(os.getpid())
    assert me is not None
    assert me.alive()
    assert not ProcessName(me.pid, me.started + 1).alive()
