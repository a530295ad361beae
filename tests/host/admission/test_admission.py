from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.host.admission.admission import Admission
from powerdown.host.admission.guest_cost import CostRecords, GuestKind, Life
from powerdown.host.admission.host_resources import CpuReading
from powerdown.host.admission.slot_file import ProcessName, SlotEntry, SlotFile, SlotState
from tests.support.fake_kernel import GIB, MIB, ScriptedHost
from tests.support.paths import REPOSITORY

ROOT = REPOSITORY
KIND = GuestKind("image", 1024, 2, "tcg", "clone")


class SteadyHost(ScriptedHost):
    """So many of its two cores are idle, always."""

    def __init__(self, idle: float, free: int = 16 * GIB) -> None:
        super().__init__(2.0, free)
        self._idle_seconds = idle

    def read_cpu(self) -> CpuReading:
        return CpuReading(now(), self._idle_seconds * now())


class Run:
    """A run with this worker and, in the ledger, another: the parent of this process."""

    def __init__(self, directory: Path) -> None:
        self.costs = CostRecords(directory / "costs")
        self._directory = directory / "admission"
        self._slots = SlotFile(self._directory)

    def admission(self, host: ScriptedHost) -> Admission:
        return Admission(self._directory, self.costs, host)

    def other_guest(self, memory: int = 0, state: SlotState = SlotState.READY) -> int:
        other = ProcessName.of(os.getppid())
        assert other is not None
        with self._slots.opened() as table:
            entry = table.enter(other, 1, memory, now() + 60)
            entry.state = state
            return entry.ticket

    def remove(self, ticket: int) -> None:
        with self._slots.opened() as table:
            table.remove(ticket)

    def damage(self) -> None:
        (self._directory / "slots.json").write_text('{"next_ti')

    def entries(self) -> list[SlotEntry]:
        with self._slots.opened() as table:
            return table.entries


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_the_only_guest_never_waits(run: Run) -> None:
    with run.admission(SteadyHost(0, free=0)).admit(KIND, Deadline.after(60)) as slot:
        assert slot.waited < 5
        assert not slot.note


def test_a_worker_does_not_wait_for_guests_of_its_own(run: Run) -> None:
    admission = run.admission(SteadyHost(0))
    with admission.admit(KIND, Deadline.after(60)), admission.admit(KIND, Deadline.after(60)) as it:
        assert not it.note


def test_nor_behind_those_who_wait_for_them(run: Run) -> None:
    admission = run.admission(SteadyHost(0))
    with admission.admit(KIND, Deadline.after(60)):
        run.other_guest(state=SlotState.ASKED)
        with admission.admit(KIND, Deadline.after(60)) as it:
            assert it.waited < 5
            assert not it.note


def test_whoever_is_lost_with_a_damaged_ledger_starts(run: Run) -> None:
    run.other_guest()
    waiting = threading.Event()

    class WatchedHost(SteadyHost):
        def cores(self) -> float:
            waiting.set()
            return super().cores()

    with ThreadPoolExecutor(1) as worker:
        asked = worker.submit(run.admission(WatchedHost(0)).admit, KIND, Deadline.after(60))
        assert waiting.wait(30)
        run.damage()
        slot = asked.result(30)
    assert slot.waited < 30
    slot.close()
    assert run.entries() == []


def test_there_is_room_beside_a_guest_that_does_nothing(run: Run) -> None:
    run.other_guest()
    with run.admission(SteadyHost(1.9)).admit(KIND, Deadline.after(60)) as slot:
        assert not slot.note


def test_with_a_core_for_everyone_nothing_is_measured(run: Run) -> None:
    run.other_guest()
    small = replace(KIND, vcpus=1)
    with run.admission(SteadyHost(0)).admit(small, Deadline.after(60)) as slot:
        assert not slot.note


def test_whoever_has_waited_long_enough_starts_anyway(run: Run) -> None:
    run.other_guest()
    with run.admission(SteadyHost(0.4)).admit(KIND, Deadline.after(0.5)) as slot:
        assert slot.waited >= 0.5
        assert "0.4 cores" in slot.note
        assert [entry.state for entry in run.entries()] == [SlotState.READY, SlotState.STARTING]


def test_one_more_must_fit_into_memory(run: Run) -> None:
    other = run.other_guest(memory=3 * GIB)
    host = SteadyHost(2.0, free=4 * GIB)
    with run.admission(host).admit(KIND, Deadline.after(0.3)) as slot:
        assert "may still take 3.00 GiB" in slot.note
    run.remove(other)
    run.other_guest(memory=GIB)
    with run.admission(host).admit(KIND, Deadline.after(60)) as slot:
        assert not slot.note


def test_waiting_is_logged_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("powerdown.host.admission.admission._LOG_AFTER", 0.1)
    caplog.set_level("INFO", "powerdown")
    run.other_guest()
    with run.admission(SteadyHost(0.4)).admit(KIND, Deadline.after(0.6)):
        assert len(caplog.messages) == 1
        assert caplog.messages[0].startswith("image waits for a slot: ")


def test_a_place_given_up_is_free(run: Run) -> None:
    slot = run.admission(SteadyHost(2.0)).admit(KIND, Deadline.after(60))
    assert len(run.entries()) == 1
    slot.close()
    slot.close()
    assert run.entries() == []


def test_who_is_stopped_while_waiting_leaves_the_queue(run: Run) -> None:
    run.other_guest()

    class StoppedHost(SteadyHost):
        def cores(self) -> float:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.admission(StoppedHost(0)).admit(KIND, Deadline.after(60))
    assert len(run.entries()) == 1


def test_a_guest_that_has_ended_before_it_was_told_of_holds_nothing(run: Run) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait(10)
    with run.admission(SteadyHost(2.0)).admit(KIND, Deadline.after(60)) as slot:
        slot.started(ended.pid)
        assert run.entries() == []
        slot.ready()


def test_what_a_guest_cost_is_recorded(run: Run) -> None:
    for _ in range(9):
        run.costs.add(replace(KIND, start="cold"), Life(1.0, 0.1, MIB))
    slot = run.admission(SteadyHost(2.0)).admit(KIND, Deadline.after(60))
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as qemu:
        slot.started(qemu.pid, replace(KIND, start="cold"))
        slot.ready()
        (entry,) = run.entries()
        assert entry.guest == ProcessName.of(qemu.pid)
        time.sleep(0.1)  # A guest's life.
        slot.close()
    assert run.costs.cost(replace(KIND, start="cold")).seen == 10


class Workers:
    """Real processes that contend for places; see :mod:`tests.support.contenders`."""

    def __init__(self, directory: Path, open_processes: ExitStack) -> None:
        self._directory = directory
        self._open = open_processes
        self.slots = SlotFile(directory / "admission")

    def start(self, cores: float, way: str, count: int = 1) -> subprocess.Popen[bytes]:
        arguments = [str(self._directory), str(cores), way, str(count)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.contenders", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._open.enter_context(process)
        self._open.callback(process.kill)
        return process

    def asking(self) -> int:
        with self.slots.opened() as table:
            return sum(entry.state is SlotState.ASKED for entry in table.entries)


def said(processes: list[subprocess.Popen[bytes]], seconds: float) -> list[tuple[int, str]]:
    """What processes say next, by their number; nothing once the time is up."""
    outputs = [process.stdout for process in processes]
    readable = select.select(outputs, [], [], seconds)[0]  # type: ignore[type-var]
    return [(outputs.index(out), out.readline().decode().strip()) for out in readable]


def go_on(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # It was told before and has gone.
        process.stdin.write(b"\n")


def until(condition: Callable[[], bool]) -> None:
    deadline = Deadline.after(30)
    while not condition():
        assert not deadline.expired
        time.sleep(0.01)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    with ExitStack() as open_processes:
        yield Workers(tmp_path, open_processes)


def test_sleeping_guests_all_live_on_one_core(workers: Workers) -> None:
    processes = [workers.start(1, "sleeps", count=2) for _ in range(4)]
    # None is told to go on before all have come in.
    for process in processes:
        assert said([process], 30) == [(0, "in")]
    for process in processes:
        go_on(process)
        assert said([process], 30) == [(0, "out")]
        assert said([process], 30) == [(0, "in")]


def test_no_more_guests_spin_than_there_are_cores(workers: Workers) -> None:
    processes = [workers.start(2, "spins") for _ in range(5)]
    # Not yet gone, those who have come in, and the most that lived at once.
    open_, living, most = list(processes), list[subprocess.Popen[bytes]](), 0
    deadline = Deadline.after(60)
    while open_:
        assert not deadline.expired
        news = [(line, open_[number]) for number, line in said(open_, 5)]
        # Whoever goes says so before another can be let in.
        for line, process in sorted(news, key=lambda one: one[0], reverse=True):
            assert line in ("in", "out")
            if line == "out":
                living.remove(process)
                open_.remove(process)
            else:
                living.append(process)
        most = max(most, len(living))
        if len(living) == 2 or living == open_:
            # Time enough for a third to come in, if it could.
            assert len(open_) < len(processes) or said(open_, 0.5) == []
            for process in living:
                go_on(process)
    assert most == 2


def test_turns_are_taken_in_the_order_of_asking(workers: Workers) -> None:
    processes = [workers.start(1, "spins")]
    assert said(processes, 30) == [(0, "in")]
    for waiting in (1, 2, 3):
        processes.append(workers.start(1, "spins"))
        until(lambda waiting=waiting: workers.asking() == waiting)  # type: ignore[misc]
    for number in (1, 2, 3):
        go_on(processes[number - 1])
        assert said([processes[number - 1]], 30) == [(0, "out")]
        assert said(processes[number:], 30) == [(0, "in")]


def test_a_killed_worker_leaves_its_place(workers: Workers) -> None:
    first = workers.start(1, "spins")
    assert said([first], 30) == [(0, "in")]
    second = workers.start(1, "spins")
    until(lambda: workers.asking() == 1)
    first.send_signal(signal.SIGKILL)
    assert said([second], 30) == [(0, "in")]
