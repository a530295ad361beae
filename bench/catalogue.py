"""Benchmark 3: all scenarios, with one worker and with two."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import Figures
from bench.row import Row
from bench.site import Say
from powerdown.core.deadline import now
from powerdown.core.errors import HostError, MachineError
from powerdown.machine.qemu.process import bound_to_this_thread
from powerdown.machine.run_directory import RunDirectory
from powerdown.report.gate_result import GateResult
from powerdown.report.scenario_record import ScenarioRecord, Status

ROOT = Path(__file__).parents[1]

MOST_PERCENT = 10.0
"""The harness's own time, of the guests' time."""

MOST_MILLISECONDS = 150.0
"""The harness's own time for one scenario."""

_RUN_SECONDS = 3600.0
_TESTS_FAILED = 1
_TAIL_CHARACTERS = 2000


@dataclass(frozen=True)
class CatalogueRun:
    """One run of the scenarios.

    :param workers: processes that ran them.
    :param wall: seconds from the start of the program to its end.
    :param tests: seconds of each test with all that belongs to it, in the order of their ends.
    :param result: what the run recorded.
    """

    workers: int
    wall: float
    tests: tuple[float, ...]
    result: GateResult

    @property
    def done(self) -> list[ScenarioRecord]:
        """The scenarios that ran: neither skipped nor without a guest of their own."""
        return [
            record
            for record in self.result.scenarios
            if record.stages and record.status is not Status.SKIPPED
        ]

    @property
    def guest_seconds(self) -> float:
        """Time spent waiting for guests."""
        return sum(record.guest_seconds for record in self.done)

    @property
    def harness_seconds(self) -> float:
        """The harness's own time in the scenarios."""
        return sum(record.harness_seconds for record in self.done)

    @property
    def unsound(self) -> int:
        """Scenarios that failed: their times say little."""
        return self.result.count(Status.FAILED) + self.result.count(Status.ERROR)


def run_catalogue(definition: Path, workers: int, selected: str) -> CatalogueRun:
    """Run the scenarios as a gate does.

    :param definition: of the image.
    :param selected: which of them, as pytest's ``-k``; all if empty.
    :raise MachineError: they could not be run to their end.
    """
    with RunDirectory("bench-gate") as directory:
        reports, log = directory.path / "reports", directory.path / "log"
        junit = directory.path / "junit.xml"
        command = [
            *(sys.executable, "-m", "pytest", "suites", "--quiet"),
            *("-p", "no:cacheprovider"),
            *("--numprocesses", str(workers), "--dist", "loadgroup"),
            *("--powerdown-image", str(definition)),
            *("--powerdown-reports", str(reports), "--junitxml", str(junit)),
            *(("-k", selected) if selected else ()),
        ]
        began_at = now()
        status = _run(command, log)
        wall = now() - began_at
        if status not in (0, _TESTS_FAILED):
            raise MachineError(
                f"run the scenarios with {workers} workers",
                f"pytest ended with status {status}: {_tail(log)}",
                "Run the gate to see why.",
            )
        tests = seconds_of_tests(junit.read_text())
        return CatalogueRun(workers, wall, tests, GateResult.read(reports / "gate.json"))


def seconds_of_tests(junit: str) -> tuple[float, ...]:
    """Seconds of each test in a JUnit file, in its order."""
    cases = ElementTree.fromstring(junit).iter("testcase")
    return tuple(float(case.attrib["time"]) for case in cases)


def measure_catalogue(
    definition: Path,
    figures: Figures,
    workers: Sequence[int],
    rounds: int,
    selected: str,
    say: Say,
) -> list[CatalogueRun]:
    """Run the scenarios with each number of workers in turns."""
    runs = []
    for number in range(rounds):
        for count in workers:
            say(f"3, catalogue: round {number + 1} of {rounds}, {count} at once")
            run = run_catalogue(definition, count, selected)
            say(f"3, catalogue: {len(run.done)} scenarios in {run.wall:.0f} s")
            note_run(run, figures)
            runs.append(run)
    return runs


def note_run(run: CatalogueRun, figures: Figures) -> None:
    """Add the figures of one run."""
    prefix = f"catalogue/{run.workers}"
    figures.add(f"{prefix}/wall", run.wall, "s")
    figures.add(f"{prefix}/guest", run.guest_seconds, "s")
    figures.add(f"{prefix}/harness", run.harness_seconds, "s")
    figures.add(f"{prefix}/tests", sum(run.tests), "s")
    figures.add(f"{prefix}/scenarios", len(run.done), "scenarios")
    for record in run.done:
        figures.add(f"{prefix}/scenario", record.harness_seconds * 1000, "ms")
        for stage in record.stages:
            figures.add(f"{prefix}/harness in {stage.name}", stage.harness_seconds * 1000, "ms")
    for seconds in run.tests:
        figures.add(f"{prefix}/test", seconds, "s")


def most_expensive(run: CatalogueRun, most: int = 3) -> str:
    """The scenarios that took most of the harness's own time, and in which stage, one line."""
    scenarios = sorted(run.done, key=lambda record: record.harness_seconds, reverse=True)[:most]
    parts = []
    for record in scenarios:
        stage = max(record.stages, key=lambda stage: stage.harness_seconds)
        name = f"{record.scenario} {record.variant}".strip()
        parts.append(
            f"{name} {record.harness_seconds * 1000:.0f} ms "
            f"({stage.name!r} {stage.harness_seconds * 1000:.0f})"
        )
    return f"most of the harness's own time with {run.workers} workers: {'; '.join(parts)}"


def catalogue_rows(figures: Figures, workers: Sequence[int]) -> list[Row]:
    """What was measured."""
    rows = []
    for count in workers:
        prefix = f"catalogue/{count}"
        wall, guest = (figures.median(f"{prefix}/{name}") for name in ("wall", "guest"))
        harness, tests = (figures.median(f"{prefix}/{name}") for name in ("harness", "tests"))
        each = figures.values(f"{prefix}/scenario")
        runs = figures.count(f"{prefix}/wall")
        people = f"{count} worker{'s' if count > 1 else ''}"
        scenarios = figures.median(f"{prefix}/scenarios")
        first = figures.median(f"catalogue/{workers[0]}/wall")
        rows += [
            Row(
                3,
                f"{scenarios:.0f} scenarios, {people}: wall time",
                wall,
                "s",
                runs,
                ratio=None if count == workers[0] else wall / first,
                to="" if count == workers[0] else f"{workers[0]} worker",
            ),
            Row(3, "  guests' time in it", guest, "s", runs),
            Row(
                3,
                "  harness's own time in scenarios",
                harness,
                "s",
                runs,
                ratio=harness / guest,
                to="guests' time",
                limit=MOST_PERCENT / 100,
            ),
            Row(
                3,
                "  all in tests but guests' time, queueing too",
                tests - guest,
                "s",
                runs,
                ratio=(tests - guest) / guest,
                to="guests' time",
            ),
            Row(
                3,
                "  harness's own time, one scenario",
                median(each),
                "ms",
                len(each),
                limit=MOST_MILLISECONDS,
            ),
            Row(3, "    the longest of them", max(each), "ms", len(each), limit=MOST_MILLISECONDS),
        ]
    return rows


def _run(command: Sequence[str], log: Path) -> int:
    """Run a program of some minutes; it does not outlive this one."""
    try:
        with log.open("wb") as said:
            return subprocess.run(
                bound_to_this_thread(command),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=_RUN_SECONDS,
                check=False,
            ).returncode
    except subprocess.TimeoutExpired as error:
        raise MachineError(
            "run the scenarios",
            f"they took more than {_RUN_SECONDS:.0f} s: {_tail(log)}",
            "Run fewer of them (-k).",
        ) from error
    except OSError as error:
        raise HostError("run the scenarios", str(error), "Run ci/setup.") from error


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-_TAIL_CHARACTERS:]
