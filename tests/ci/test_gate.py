"""ci/gate hands its short options on to pytest under their full names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose Python prints its arguments, one a line."""
    programs = {"ci/setup": "exit 0", ".venv/bin/python": r'printf "%s\n" "$@"'}
    for name, script in programs.items():
        program = tmp_path / name
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    shutil.copy(REPOSITORY / "ci" / "gate", tmp_path / "ci" / "gate")
    return tmp_path


def gate(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(checkout / "ci" / "gate"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_short_options_are_translated(checkout: Path) -> None:
    given = ("--image", "my image.toml", "--image=b.toml", "--cold", "--inject", "offline")
    more = ("--backend", "qmp", "--backend=libvirt", "--connect", "a:", "--compare", "g.json")
    passed = gate(checkout, *given, *more, "--reports", "out", "-k", "forced", "-n", "4")
    assert passed.stdout.splitlines()[-13:] == [
        "--powerdown-image=my image.toml",
        "--powerdown-image=b.toml",
        "--powerdown-cold",
        "--powerdown-inject=offline",
        "--powerdown-backend=qmp",
        "--powerdown-backend=libvirt",
        "--powerdown-connect=a:",
        "--powerdown-compare=g.json",
        "--powerdown-reports=out",
        *("-k", "forced", "-n", "4"),
    ]


def test_an_option_without_its_value_is_an_error(checkout: Path) -> None:
    refused = gate(checkout, "-k", "forced", "--image")
    assert refused.returncode != 0
    assert "--image needs a value" in refused.stderr
    assert refused.stdout == ""


def test_without_arguments_it_runs_every_suite(checkout: Path) -> None:
    assert gate(checkout).stdout.splitlines()[:3] == ["-m", "pytest", "suites"]
