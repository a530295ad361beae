"""Benchmark 7: what the plugin costs a session of pytest that has nothing to do with Powerdown."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figures
from bench.row import Row
from bench.site import Say
from powerdown.core.deadline import now
from powerdown.core.errors import MachineError
from powerdown.machine.run_directory import RunDirectory

MOST_MILLISECONDS = 30.0
"""The most that the plugin may add."""

_SECONDS = 60
"""For one session of a single empty test."""

_WITHOUT = ("-p", "no:powerdown")


def measure_plugin_start(figures: Figures, rounds: int, say: Say) -> None:
    """Sessions with the plugin and without, in turns, each round beginning with the other.

    :raise MachineError: a session failed.
    """
    with RunDirectory("bench-plugin") as directory:
        (directory.path / "test_theirs.py").write_text("def test_of_theirs(): pass\n")
        # Once before: what is compiled is kept then.
        for options in ((), _WITHOUT):
            _session(directory.path, options)
        for number in range(rounds):
            say(f"7, plugin: round {number + 1} of {rounds}")
            seconds: dict[bool, float] = {}
            for with_it in (True, False) if number % 2 else (False, True):
                seconds[with_it] = _session(directory.path, () if with_it else _WITHOUT)
            figures.add("plugin/with", seconds[True], "s")
            figures.add("plugin/without", seconds[False], "s")
            figures.add("plugin/cost", 1000 * (seconds[True] - seconds[False]), "ms")


def plugin_rows(figures: Figures) -> list[Row]:
    """What was measured."""
    count = figures.count("plugin/cost")
    with_it, without = figures.median("plugin/with"), figures.median("plugin/without")
    cost = figures.median("plugin/cost")
    return [
        Row(7, "unrelated pytest session, no plugin", without, "s", count),
        Row(7, "unrelated pytest session", with_it, "s", count, with_it / without, "no plugin"),
        Row(7, "  the plugin's part", cost, "ms", count, limit=MOST_MILLISECONDS),
    ]


def _session(directory: Path, options: Sequence[str]) -> float:
    """Seconds of a session of one empty test, from its start to its end."""
    environment = dict(os.environ)
    # Users have it compiled.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began_at = now()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    seconds = now() - began_at
    if ended.returncode != 0:
        raise MachineError("run a session of pytest", ended.stdout[-500:], "Run it by hand.")
    return seconds
