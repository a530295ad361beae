"""Building a disk with the executable that a definition names."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError


def run_build(script: Path, deadline: Deadline) -> Path:
    """Run a build program and return the path of the disk.

    The executable runs in its own directory and process group. It does its own caching and
    locking, and prints the disk's absolute path as its last line.

    :raise HostError: it cannot be run, fails, or prints no path of a disk.
    :raise DeadlineExpired: it took too long; its process group was killed.
    """
    try:
        process = subprocess.Popen(
            [script],
            cwd=script.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise _failed(script, error.strerror or str(error), "Make it executable.") from error
    try:
        output, errors = process.communicate(timeout=deadline.remaining)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        raise deadline.expire(
            f"the build {script} end", "it was still running", "Run it by hand to see why."
        ) from None
    except BaseException:
        _kill_group(process)
        raise
    if process.returncode != 0:
        why = _last_line(errors) or _last_line(output) or "it printed nothing"
        raise _failed(
            script, f"status {process.returncode}: {why}", "Run it by hand to see its whole output."
        )
    return _named_disk(script, _last_line(output))


def _named_disk(script: Path, line: str) -> Path:
    remedy = "It must print the disk's absolute path as its last line."
    if not line:
        raise _failed(script, "it printed no path", remedy)
    disk = Path(line)
    if not disk.is_absolute() or not disk.is_file():
        raise _failed(
            script, f"its last line {line[:200]!r} is not the absolute path of a file", remedy
        )
    return disk


def _kill_group(process: subprocess.Popen[str]) -> None:
    # The leader is not reaped yet, so its group id cannot belong to anyone else.
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _failed(script: Path, actual: str, remedy: str) -> HostError:
    return HostError(f"build a disk with {script}", actual, remedy)
