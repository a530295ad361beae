"""The suite of docs/write-your-own-suite.md, run in a project of its own beside other plugins."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from powerdown.report.gate_result import GateResult
from powerdown.report.scenario_record import Status
from tests.support.paths import REPOSITORY

PAGE = (REPOSITORY / "docs" / "write-your-own-suite.md").read_text()
STANDIN = REPOSITORY / "fixtures" / "images" / "standin.toml"
SECONDS = 300

FLAKY = """

TRIES = []

@pytest.mark.powerdown_scenario("hardening", variant="flaky")
def test_that_fails_at_first(powerdown_scenario: Scenario) -> None:
    guest = powerdown_scenario.boot()
    powerdown_scenario.press(guest, "press", COMPLETED)
    TRIES.append(1)
    assert len(TRIES) == 2
"""
"""For pytest-rerunfailures, which repeats it in the same process."""


def the_suite() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


@pytest.mark.guest
def test_it_runs_beside_other_plugins(tmp_path: Path) -> None:
    (tmp_path / "test_hardening.py").write_text(the_suite() + FLAKY)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-n", "2", "--dist", "load", "-p", "no:allure"),
            *("--reruns", "1", f"--powerdown-image={STANDIN}"),
        ],
        cwd=tmp_path,
        env=inherited,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == pytest.ExitCode.OK, run.stdout + run.stderr
    assert "3 passed, 1 rerun" in run.stdout
    (plugins,) = re.findall(r"^plugins: .*", run.stdout, re.MULTILINE)
    assert "randomly-" in plugins
    assert "rerunfailures-" in plugins
    assert "Using --randomly-seed=" in run.stdout
    result = GateResult.read(tmp_path / "reports" / "gate.json")
    assert [(one.scenario, one.variant, one.status) for one in result.scenarios] == [
        ("hardening", "applied", Status.PASSED),
        ("hardening", "flaky", Status.PASSED),
        ("power-button-ignored", "by-policy", Status.PASSED),
    ]
    scenarios = tmp_path / "reports" / "scenarios" / "standin"
    assert {"hardening-flaky", "hardening-flaky-2"} <= {one.name for one in scenarios.iterdir()}


def test_without_an_image_it_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "test_hardening.py").write_text(the_suite())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rs"]
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == pytest.ExitCode.OK, run.stdout
    assert "2 skipped" in run.stdout
    assert run.stdout.count("no image to test: give --powerdown-image=FILE") == 2
