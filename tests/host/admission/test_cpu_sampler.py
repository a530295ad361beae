from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.host.admission.cpu_sampler import CpuSampler
from powerdown.host.admission.host_resources import CpuReading
from powerdown.host.admission.slot_file import ProcessName, SlotEntry, SlotState
from tests.support.fake_kernel import FakeProc, ScriptedHost

PID = 70


class Bench:
    """Two cores and one guest, whose counters a test moves on."""

    def __init__(self, path: Path) -> None:
        self.proc = FakeProc(path)
        self.host = ScriptedHost(2.0)
        self.gauge = CpuSampler(self.host, path)
        worker = ProcessName(1, 1)
        self.guest = SlotEntry(0, worker, vcpus=1, memory=0, waits_until=0.0)
        self.guest.state = SlotState.STARTING
        self._at = self._idle = self._wanted = 0.0

    def runs(self) -> None:
        self.guest.guest = ProcessName(PID, 1)
        self.proc.process(PID, threads={PID: (self._wanted, 0.0)})

    def after(self, seconds: float, idle: float, wanted: float) -> float | None:
        """Time passes with so many cores idle, and the guest wanting so many."""
        self._at += seconds
        self._idle += idle * seconds
        self._wanted += wanted * seconds
        if self.guest.guest is not None:
            self.runs()
        self.host.reading = CpuReading(self._at, self._idle)
        self.gauge.read([self.guest])
        return self.gauge.free([self.guest])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_nothing_is_known_until_enough_time_has_passed(bench: Bench) -> None:
    assert bench.gauge.free([]) is None
    assert bench.after(0.0, 2, 0) is None
    assert bench.after(0.1, 2, 0) is None
    assert bench.after(0.15, 2, 0) is not None


def test_a_guest_let_in_holds_its_core_before_it_runs(bench: Bench) -> None:
    bench.after(0.0, 2, 0)
    assert bench.after(0.3, 2, 0) == pytest.approx(1.0)


def test_a_starting_guest_is_not_counted_twice(bench: Bench) -> None:
    bench.runs()
    bench.after(0.0, 1, 1)
    assert bench.after(0.3, 1, 1) == pytest.approx(1.0)
    # It waits for its disk for a moment, and will go on.
    assert bench.after(0.3, 1.6, 0.4) == pytest.approx(1.0)


def test_a_ready_guest_that_sleeps_holds_nothing(bench: Bench) -> None:
    bench.runs()
    bench.guest.state, bench.guest.ready_at = SlotState.READY, 0.0
    bench.after(0.0, 2, 0)
    assert bench.after(0.3, 1.97, 0.03) == pytest.approx(1.97)


def test_a_ready_guest_that_spins_holds_a_core(bench: Bench) -> None:
    bench.runs()
    bench.guest.state, bench.guest.ready_at = SlotState.READY, 0.0
    bench.after(0.0, 1, 1)
    assert bench.after(0.3, 1, 1) == pytest.approx(1.0)


def test_the_time_before_a_guest_was_ready_does_not_count_for_it(bench: Bench) -> None:
    bench.after(0.0, 2, 0)
    bench.runs()
    # Let in, started and ready within the window: 0.15 s of work in 0.3 s.
    bench.guest.state, bench.guest.ready_at = SlotState.READY, 0.2
    assert bench.after(0.3, 1.5, 0.5) == pytest.approx(1.0)
    assert bench.after(0.3, 1.9, 0.1) == pytest.approx(1.9)


def test_a_start_that_has_come_to_nothing_holds_nothing(bench: Bench) -> None:
    bench.runs()
    bench.after(0.0, 2, 0)
    free = [bench.after(0.25, 1.98, 0.02) for _ in range(8)]
    assert free[6] == pytest.approx(1.0)
    assert free[7] == pytest.approx(1.98)


def test_what_was_long_ago_says_nothing_of_now(bench: Bench) -> None:
    bench.guest.state = SlotState.READY
    bench.after(0.0, 2, 0)
    assert bench.after(3.5, 2, 0) is None


def test_no_guest_claims_more_than_there_is(bench: Bench) -> None:
    bench.guest.vcpus = 8
    bench.after(0.0, 2, 0)
    assert bench.after(0.3, 2, 0) == pytest.approx(0.0)
