"""Tests of one group are run by one worker, with every version of pytest."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.boot_sector import HUNG
from tests.support.gate_directory import GateDirectory

GROUPS = """
WAYS = [pytest.param(way, marks=pytest.mark.xdist_group(way)) for way in ("a", "b@c", "d")]

@pytest.fixture(scope="module", params=WAYS)
def way(request):
    with open("set up", "a") as file:
        file.write(f"{request.param}\\n")
    return request.param

@pytest.mark.powerdown_scenario("x")
@pytest.mark.parametrize("number", range(6))
def test_one(way, number):
    with open("ran", "a") as file:
        file.write(f"{way} {os.environ['PYTEST_XDIST_WORKER']}\\n")
    # Let the other workers have some.
    time.sleep(0.05)

@pytest.mark.xdist_group
@pytest.mark.parametrize("number", range(6))
def test_without_a_name(number):
    test_one("default", number)
"""


@pytest.fixture
def directory(tmp_path: Path) -> GateDirectory:
    made = GateDirectory(tmp_path, GROUPS)
    made.image("hung", HUNG)
    return made


def workers(directory: GateDirectory) -> dict[str, set[str]]:
    """Which workers ran tests of each group."""
    found = defaultdict(set)
    for line in (directory.path / "ran").read_text().splitlines():
        group, worker = line.rsplit(" ", 1)
        found[group].add(worker)
    return found


def test_a_group_stays_together(directory: GateDirectory) -> None:
    ended = directory.run(
        *("-n", "3", "--dist", "loadgroup", "--powerdown-image", "hung.toml"),
    )
    assert "24 passed" in ended.stdout
    found = workers(directory)
    assert {group: len(ran) for group, ran in found.items()} == {
        "a": 1,
        "b@c": 1,
        "d": 1,
        "default": 1,
    }
    assert len(set.union(*found.values())) == 3
    assert sorted((directory.path / "set up").read_text().splitlines()) == ["a", "b@c", "d"]


def test_distributed_otherwise_every_test_still_runs_once(directory: GateDirectory) -> None:
    ended = directory.run("-n", "3", "--dist", "load", "--powerdown-image", "hung.toml")
    assert "24 passed" in ended.stdout
    assert len((directory.path / "ran").read_text().splitlines()) == 24
