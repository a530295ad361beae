"""The services that hold up or disturb a shutdown, under Wine's manager and the tests' own."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.guest.probe_programs import (
    ABORTER,
    HOLDER,
    SPINNER,
    STUBBORN,
    compile_probe,
    declared_behaviour,
)
from tests.guest.wine.oracle import expand
from tests.guest.wine.service import (
    INTERROGATE,
    PRESHUTDOWN,
    SERVICE_RUNNING,
    SERVICE_STOP_PENDING,
    SERVICE_STOPPED,
    SHUTDOWN,
    STOP,
    accepted,
)
from tests.guest.wine.session import POLL_SECONDS, STEP_SECONDS, WINE_MARKS, Wine, Witness
from tests.support.wine_types import InstallService, OpenManager

pytestmark = WINE_MARKS

NO_ERROR, ERROR_CALL_NOT_IMPLEMENTED = 0, 120
REALTIME_PRIORITY_CLASS = 0x100


def threads_busy_for(seconds: float, process: int) -> int:
    """How many threads of a process have used the CPU that long in all (proc(5): utime)."""
    ticks = seconds * os.sysconf("SC_CLK_TCK")
    busy = 0
    for thread in Path(f"/proc/{process}/task").iterdir():
        after_name = (thread / "stat").read_text().rpartition(")")[2].split()
        busy += int(after_name[11]) >= ticks
    return busy


class TestStubborn:
    def test_it_runs_on_after_a_stop(self, install_service: InstallService) -> None:
        service = install_service(STUBBORN)
        service.start()
        running = (SERVICE_RUNNING, accepted(service.behaviour))
        assert service.status() == running

        service.stop()

        watched = Deadline.after(1.0)  # A service that agrees has stopped in 0.1 s.
        while not watched.expired:
            assert service.status() == running
        assert len(service.unix_processes()) == 1

    def test_it_takes_the_controls_it_accepts_and_does_nothing(
        self, compiled: Path, open_manager: OpenManager
    ) -> None:
        behaviour = declared_behaviour(compile_probe(STUBBORN, compiled))
        assert (behaviour["on_stop"], behaviour["on_shutdown"]) == ("ignore", "ignore")
        manager = open_manager(STUBBORN)
        before = manager.statuses()
        assert before[-1] == (SERVICE_RUNNING, 0, accepted(behaviour), 0)

        for control in (STOP, SHUTDOWN, INTERROGATE, STOP, SHUTDOWN):
            assert manager.send(control) == NO_ERROR
        assert manager.send(PRESHUTDOWN) == ERROR_CALL_NOT_IMPLEMENTED
        assert manager.statuses() == before


class TestHolder:
    def test_it_sets_its_preshutdown_timeout(self, install_service: InstallService) -> None:
        extreme = 2_147_483_647  # What VMTools sets (fact:preshutdown-endless).
        service = install_service(HOLDER, str(extreme), "0")
        service.start()
        assert service.status() == (SERVICE_RUNNING, accepted(service.behaviour))
        declared = expand(service.behaviour["preshutdown_timeout_ms"], service.arguments)
        assert service.preshutdown_timeout() == int(declared) == extreme

        assert service.behaviour["on_stop"] == "stop"
        service.stop()
        service.wait_for_state(SERVICE_STOPPED)

    def test_it_works_before_it_stops_at_preshutdown(
        self, compiled: Path, open_manager: OpenManager
    ) -> None:
        behaviour = declared_behaviour(compile_probe(HOLDER, compiled))
        arguments = ["5000", "1300"]
        assert behaviour["on_preshutdown"] == "finish"
        (work,) = behaviour["preshutdown"]
        work_seconds = int(expand(work["wait_ms"], arguments)) / 1000
        manager = open_manager(HOLDER, *arguments)
        before = manager.statuses()
        assert before[-1] == (SERVICE_RUNNING, 0, accepted(behaviour), 0)

        begun = time.monotonic()
        assert manager.send(PRESHUTDOWN) == NO_ERROR
        manager.wait_for_state(SERVICE_STOPPED)

        assert time.monotonic() - begun >= work_seconds
        # At once, after the full second, and after the rest; each time it asks for more than 1 s.
        ending = manager.statuses()[len(before) : -1]
        assert [status[:3] for status in ending] == [
            (SERVICE_STOP_PENDING, check_point, 0) for check_point in range(3)
        ]
        assert all(hint > 1000 for *_, hint in ending)

    def test_a_stop_ends_it_without_the_work(self, open_manager: OpenManager) -> None:
        manager = open_manager(HOLDER, "5000", "3600000")
        assert manager.send(STOP) == NO_ERROR
        manager.wait_for_state(SERVICE_STOPPED)

    @pytest.mark.parametrize("arguments", [[], ["1"], ["-1", "5"], ["1", "4294967296"], ["1", ""]])
    def test_it_starts_with_two_numbers_only(
        self, wine: Wine, compiled: Path, arguments: list[str]
    ) -> None:
        invalid = 87  # ERROR_INVALID_PARAMETER
        program = wine.install(compile_probe(HOLDER, compiled))
        assert wine.result(program, *arguments)[0] == invalid


class TestAborter:
    def test_it_runs_until_it_is_stopped(self, install_service: InstallService) -> None:
        service = install_service(ABORTER)
        service.start()
        assert service.status() == (SERVICE_RUNNING, accepted(service.behaviour))
        service.stop()
        service.wait_for_state(SERVICE_STOPPED)

    def test_it_aborts_again_and_again_with_the_privilege_enabled(
        self, compiled: Path, open_manager: OpenManager
    ) -> None:
        """Whether Windows then aborts is not seen here: Wine has no shutdown that counts down."""
        behaviour = declared_behaviour(compile_probe(ABORTER, compiled))
        assert behaviour["run"] == [{"forever": [{"abort_shutdown": True}, {"wait_ms": 200}]}]
        manager = open_manager(ABORTER)
        assert manager.lines[0][:2] == ("abort", 0), "the privilege is not enabled from the start"  # type: ignore[misc]

        aborts = [manager.wait_for("abort")[1:] for _ in range(4)]

        assert all(privileged for privileged, _ in aborts)
        times = [milliseconds for _, milliseconds in aborts]
        assert all(later - earlier >= 190 for earlier, later in pairwise(times))
        assert manager.send(STOP) == NO_ERROR
        manager.wait_for_state(SERVICE_STOPPED)


class TestSpinner:
    def test_it_takes_every_processor(
        self, install_service: InstallService, witness: Witness
    ) -> None:
        service = install_service(SPINNER)
        service.start()
        deadline = Deadline.after(STEP_SECONDS)
        while not (processes := service.unix_processes()):
            assert not deadline.expired, "it does not run"
            time.sleep(POLL_SECONDS)
        (process,) = processes
        status = service.status()
        processors, priority_class, critical = witness("priorities", SPINNER.name)
        while (busy := threads_busy_for(0.1, process)) < processors:
            assert not deadline.expired, f"{busy} of {processors} threads spin"
            time.sleep(POLL_SECONDS)
        service.kill()

        assert service.behaviour["run"] == [{"busy": True}]
        assert status == (SERVICE_RUNNING, accepted(service.behaviour)) == (SERVICE_RUNNING, 0)
        assert (priority_class, critical) == (REALTIME_PRIORITY_CLASS, processors)
