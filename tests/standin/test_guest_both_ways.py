"""Suites on the stand-in by QMP and through libvirt, in one run: what they find is the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from powerdown.machine.backend import Backend
from powerdown.report.gate_result import GateResult
from powerdown.report.scenario_record import Status
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.guest

ROOT = REPOSITORY
CHOSEN = ("soft-shutdown control", "power-button-ignored by-policy", "asleep already-asleep")
SECONDS = 600


def test_both_ways_find_the_same(tmp_path: Path) -> None:
    tests = (
        "suites/test_soft_shutdown.py::test_press_completes",
        "suites/test_power_button_ignored.py::test_named_and_remedied",
        "suites/test_asleep.py::test_named_and_remedied",
    )
    options = (
        *("--powerdown-backend", "qmp", "--powerdown-backend", "libvirt"),
        *("-k", "press_completes or by-policy or already"),
        *("--powerdown-reports", str(tmp_path), "-q"),
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *tests, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    result = GateResult.read(tmp_path / "gate.json")
    ran = {(f"{one.scenario} {one.variant}", one.backend) for one in result.scenarios}
    assert ran == {(scenario, backend) for scenario in CHOSEN for backend in Backend}
    assert {one.status for one in result.scenarios} == {Status.PASSED}
    assert result.disagreements == ()
    (image,) = result.images
    assert image.untouched
    assert all(f"via {backend}: warm" in image.start for backend in Backend)
