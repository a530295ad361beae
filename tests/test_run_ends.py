"""Runs that do not come to their end: killed, interrupted, or robbed of a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.parent_death import die_with_parent
from powerdown.images.image import Start
from powerdown.report.scenario_record import Status
from tests.support.boot_sector import HUNG
from tests.support.gate_directory import GateDirectory

HANGING = """
def hang(scenario, name):
    scenario.power_on()
    Path(name).write_text(str(os.getpid()))
    Path("hold").open("rb").read()

@pytest.mark.powerdown_scenario("x", variant="one")
def test_one(powerdown_scenario):
    hang(powerdown_scenario, "one")

@pytest.mark.powerdown_scenario("x", variant="two")
def test_two(powerdown_scenario):
    hang(powerdown_scenario, "two")
"""
"""Both tests boot a guest and wait until the pipe ``hold`` is opened for writing, and closed."""

CRASHING = """
@pytest.mark.powerdown_scenario("x", variant="crash")
def test_crash(powerdown_scenario):
    powerdown_scenario.power_on()
    os._exit(1)

@pytest.mark.powerdown_scenario("x", variant="other")
def test_other():
    pass

def test_that_is_no_scenario():
    os._exit(1)
"""

pytestmark = pytest.mark.guest

StartRun = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def directory(tmp_path: Path) -> GateDirectory:
    os.mkfifo(tmp_path / "hold")
    made = GateDirectory(tmp_path, HANGING)
    made.image("hung", HUNG)
    return made


@pytest.fixture
def start(directory: GateDirectory) -> Iterator[StartRun]:
    """Starts a run with 0 or 2 workers; returns when each of them has its guest."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(workers: str) -> subprocess.Popen[bytes]:
        run = directory.start(
            "--powerdown-image", "hung.toml", "-n", workers, "--dist", "loadgroup"
        )
        started.append(run)
        names = ("one", "two") if workers == "2" else ("one",)
        wait_until(
            lambda: (
                all((directory.path / name).exists() for name in names)
                and len(directory.qemus()) == len(names)
            ),
            60,
            lambda: f"guests {directory.qemus()}, output {directory.output}",
        )
        return run

    yield begin
    for run in started:
        if run.poll() is None:
            run.kill()
            run.wait(10)


def wait_until(
    true: Callable[[], bool], seconds: float, told: Callable[[], str] = lambda: ""
) -> None:
    deadline = Deadline.after(seconds)
    while not true():
        assert not deadline.expired, told()
        time.sleep(0.02)


def release(directory: GateDirectory) -> None:
    """Let every test that hangs go on."""
    (directory.path / "hold").open("wb").close()


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_no_guest_outlives_a_killed_run(
    directory: GateDirectory, start: StartRun, workers: str, sent: signal.Signals
) -> None:
    run = start(workers)
    run.send_signal(sent)
    wait_until(lambda: directory.qemus() == [], 2)
    assert run.wait(2) == -sent


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("to", [os.kill, os.killpg], ids=["controller", "group"])
def test_an_interrupt_leaves_nothing_behind(
    directory: GateDirectory, start: StartRun, workers: str, to: Callable[[int, int], None]
) -> None:
    run = start(workers)
    to(run.pid, signal.SIGINT)
    assert run.wait(30) == pytest.ExitCode.INTERRUPTED, directory.output
    assert directory.qemus() == []
    assert directory.leftovers() == []
    assert "INTERNALERROR" not in directory.output


def test_what_a_killed_run_leaves_is_removed_by_the_next(
    directory: GateDirectory, start: StartRun
) -> None:
    run = start("0")
    run.kill()
    run.wait(2)
    wait_until(lambda: directory.qemus() == [], 2)
    assert directory.leftovers() != []
    # One that does not use Powerdown leaves them alone.
    directory.run("--powerdown-image", "hung.toml", "-k", "nothing")
    assert directory.leftovers() != []
    next_run = start("0")
    release(directory)
    # Not sooner: the first test may hold the pipe open still, and would take both.
    wait_until((directory.path / "two").exists, 30, lambda: directory.output)
    release(directory)
    assert next_run.wait(30) == pytest.ExitCode.OK, directory.output
    assert directory.leftovers() == []


def test_a_run_goes_on_without_a_killed_worker(directory: GateDirectory, start: StartRun) -> None:
    run = start("2")
    os.kill(int((directory.path / "one").read_text()), signal.SIGKILL)
    wait_until(lambda: len(directory.qemus()) == 1, 2)
    release(directory)
    assert run.wait(30) == pytest.ExitCode.TESTS_FAILED, directory.output
    records = directory.records()
    assert {variant: record.status for variant, record in records.items()} == {
        "one": Status.ERROR,
        "two": Status.PASSED,
    }
    lost = records["one"]
    assert (lost.image, lost.scenario) == ("hung", "x")
    assert "the worker that ran this test died" in lost.message


WARM = """
@pytest.mark.powerdown_scenario("x", variant="one")
def test_one(powerdown_scenario):
    powerdown_scenario.boot()
    Path("one").write_text(str(os.getpid()))
    Path("hold").open("rb").read()
"""


@pytest.fixture
def warm(tmp_path: Path) -> Iterator[GateDirectory]:
    os.mkfifo(tmp_path / "hold")
    made = GateDirectory(tmp_path, WARM)
    made.image("hung", HUNG, start=Start.WARM)
    yield made
    # Their memory lies on the host's tmpfs.
    store = made.templates()
    assert all(store.remove(name) for name in store.known_names())


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_no_clone_outlives_its_run_and_the_template_is_used_again(
    warm: GateDirectory, sent: signal.Signals
) -> None:
    """The guest of the test and the one that was made ahead of need are both gone."""
    run = warm.start("--powerdown-image", "hung.toml")
    try:
        wait_until(
            lambda: (warm.path / "one").exists() and len(warm.qemus()) == 2,
            60,
            lambda: f"guests {warm.qemus()}, output {warm.output}",
        )
        assert "making its template" in warm.output
        run.send_signal(sent)
        wait_until(lambda: warm.qemus() == [], 5)
        run.wait(30)
    finally:
        if run.poll() is None:
            run.kill()
            run.wait(10)
    [name] = warm.templates().known_names()
    assert not warm.templates().in_use(name)
    again = warm.start("--powerdown-image", "hung.toml")
    wait_until(lambda: len(warm.qemus()) == 2, 60, lambda: warm.output)
    release(warm)
    assert again.wait(60) == 0, warm.output
    assert "making its template" not in warm.output
    assert "warm, from template" in warm.output
    assert warm.qemus() == []
    assert warm.leftovers() == []


@pytest.mark.parametrize("distribution", ["load", "loadgroup"])
def test_a_scenario_that_takes_its_worker_with_it_is_an_error_once(
    tmp_path: Path, distribution: str
) -> None:
    directory = GateDirectory(tmp_path, CRASHING)
    directory.image("hung", HUNG)
    # xdist hands a lost test that is no scenario to worker after worker when it works by groups.
    chosen = "crash or other" if distribution == "loadgroup" else ""
    ended = directory.run(
        *("-n", "2", "--dist", distribution, "--powerdown-image", "hung.toml", "-k", chosen)
    )
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED
    assert ended.stdout.count("crashed while running 'test_suite.py::test_crash") in (1, 2)
    records = directory.records()
    assert {variant: record.status for variant, record in records.items()} == {
        "crash": Status.ERROR,
        "other": Status.PASSED,
    }
    assert records["crash"].image == "hung"
    assert "died" in records["crash"].message or "crashed" in records["crash"].message
    assert directory.qemus() == []


def test_a_process_whose_parent_has_died_already_dies_at_once() -> None:
    child = os.fork()
    if child == 0:
        die_with_parent(os.getpid())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_a_process_whose_parent_lives_goes_on() -> None:
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        die_with_parent(parent)
        os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
