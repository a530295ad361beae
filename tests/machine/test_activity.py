"""Activity from what QEMU and the kernel answer."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.activity import parse_schedstat, read_activity

CPUS = [{"thread-id": threading.get_native_id(), "cpu-index": 0}]
DISK = {"node-name": "disk", "stats": {"rd_bytes": 512, "wr_bytes": 1024}}


class AnsweringMonitor:
    def __init__(self, cpus: object, disks: object) -> None:
        self._answers = {"query-cpus-fast": cpus, "query-blockstats": disks}

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        return self._answers[command]


def read(cpus: object, disks: object, pid: int | None = os.getpid()):  # type: ignore[no-untyped-def]
    return read_activity(AnsweringMonitor(cpus, disks), pid, Deadline.after(1))  # type: ignore[arg-type]


def test_bytes_of_all_disks_and_time_of_threads() -> None:
    before = now()
    second = {"device": "", "stats": {"rd_bytes": 7, "wr_bytes": 8}}
    activity = read(CPUS, [second, DISK])
    assert (activity.read_bytes, activity.written_bytes) == (519, 1032)
    assert before <= activity.at <= now()


def test_work_of_a_thread_counts_once_however_many_cpus_it_runs() -> None:
    begun = read(CPUS, [DISK]).cpu_seconds
    until = now() + 0.2
    while now() < until:
        pass
    worked = read(CPUS * 2, [DISK]).cpu_seconds - begun
    assert 0.0 < worked < 0.35


def test_a_thread_that_waits_for_a_cpu_of_the_host_wants_one() -> None:
    assert parse_schedstat("2500000000 500000000 42\n") == (2.5, 0.5)
    activity = read(CPUS, [DISK])
    assert activity.wanted_cpu_seconds >= activity.cpu_seconds


@pytest.mark.parametrize(
    ("cpus", "disks"),
    [
        ([], [DISK]),
        (None, [DISK]),
        ([{"thread-id": "1"}], [DISK]),
        (CPUS, []),
        (CPUS, [{"node-name": "disk"}]),
        (CPUS, [{"node-name": "disk", "stats": {"rd_bytes": 1}}]),
    ],
)
def test_nonsense_is_refused(cpus: object, disks: object) -> None:
    with pytest.raises(MachineError, match="CPU and disk activity"):
        read(cpus, disks)


@pytest.mark.parametrize("pid", [None, 2**22 + 1])
def test_a_qemu_that_is_gone(pid: int | None) -> None:
    with pytest.raises(MachineError, match="QEMU has ended"):
        read(CPUS, [DISK], pid)


@given(st.text())
def test_garbage_gives_seconds_or_a_value_error(garbage: str) -> None:
    try:
        parse_schedstat(garbage)
    except ValueError:
        return
