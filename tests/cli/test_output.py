"""Output that cannot be written, and characters that cannot be shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIOS = [sys.executable, "-m", "powerdown", "scenarios"]
SECONDS = 60.0


@pytest.mark.parametrize("merged", [False, True])
def test_a_reader_that_is_gone_is_no_error(merged: bool) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            SCENARIOS,
            stdout=writer,
            stderr=writer if merged else subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.returncode == 141
    assert not done.stderr


def test_complaints_that_nobody_reads(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        missing = [sys.executable, "-m", "powerdown", "check", str(tmp_path / "absent.toml")]
        done = subprocess.run(missing, stdout=writer, stderr=writer, timeout=SECONDS, check=False)
    finally:
        os.close(writer)
    assert done.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            SCENARIOS, stdout=full, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("powerdown: could not print the result: No space left")
    assert done.stderr.count("\n") == 1


def test_characters_that_the_terminal_lacks_are_escaped(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "powerdown", "check", str(tmp_path / "\u5e7b\u5f71.toml")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
    )
    assert done.returncode == 2
    assert "\\u5e7b\\u5f71.toml" in done.stderr
