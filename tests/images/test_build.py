"""Running a build: what comes back, and what every failure says."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, HostError
from powerdown.images.build import run_build


def script(directory: Path, text: str) -> Path:
    path = directory / "build"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_last_line_is_the_disk(tmp_path: Path) -> None:
    build = script(tmp_path, 'echo making; touch disk; echo "$PWD/disk"; echo')
    assert run_build(build, Deadline.after(10)) == tmp_path / "disk"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo one >&2; echo no space >&2; exit 3", "status 3: no space"),
        ("echo only here; exit 1", "status 1: only here"),
        ("exit 1", "it printed nothing"),
        ("true", "it printed no path"),
        ("echo disk", "not the absolute path"),
        ("echo /absent/disk", "not the absolute path of a file"),
        ("kill -9 $$", "status -9"),
    ],
)
def test_failures(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(HostError, match=said):
        run_build(script(tmp_path, text), Deadline.after(10))


def test_what_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("true")
    with pytest.raises(HostError, match=r"Permission denied.*executable"):
        run_build(tmp_path / "build", Deadline.after(10))


def test_a_late_build_is_killed_with_its_children(tmp_path: Path) -> None:
    build = script(tmp_path, "sleep 60 & echo $! > child; wait")
    with pytest.raises(DeadlineExpired, match="it was still running"):
        run_build(build, Deadline.after(0.5))
    child = int((tmp_path / "child").read_text())
    deadline = Deadline.after(5)
    while _runs(child):
        assert not deadline.expired
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return " Z " not in Path(f"/proc/{pid}/stat").read_text()
