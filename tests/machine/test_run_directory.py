"""Run directories: private, gone on close, and swept up after a killed run."""

from __future__ import annotations

import fcntl
import shutil
import stat
from pathlib import Path

import pytest

from powerdown.core.errors import HostError
from powerdown.machine.run_directory import RunDirectory


def test_it_is_private_and_goes_with_close(tmp_path: Path) -> None:
    with RunDirectory("a", tmp_path) as directory:
        assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
        (directory.path / "file").touch()
    directory.close()
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_kept(tmp_path: Path) -> None:
    with RunDirectory("a", tmp_path) as directory:
        kept = directory.keep()
    with RunDirectory("b", tmp_path):
        assert kept.is_dir()


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    abandoned = tmp_path / "powerdown-a-1"
    foreign = tmp_path / "powerdown-b-2"
    elsewhere = tmp_path / "elsewhere"
    for path in (abandoned, foreign, elsewhere):
        path.mkdir()
    (abandoned / "in-use").touch()
    (elsewhere / "in-use").touch()
    (tmp_path / "powerdown-link").symlink_to(elsewhere)
    with RunDirectory("c", tmp_path) as live, RunDirectory("d", tmp_path):
        assert live.path.is_dir()
        assert not abandoned.exists()
        assert foreign.is_dir()
        assert (elsewhere / "in-use").exists()


def test_one_swept_up_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another process may lock and remove it between the lock file's creation and its locking.
    def swept_up(lock: int, operation: int) -> None:
        monkeypatch.undo()
        (first,) = tmp_path.glob("powerdown-*")
        shutil.rmtree(first)
        fcntl.flock(lock, operation)

    monkeypatch.setattr(fcntl, "flock", swept_up)
    with RunDirectory("a", tmp_path) as directory:
        assert directory.path.is_dir()
        assert list(tmp_path.iterdir()) == [directory.path]


def test_a_parent_that_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="TMPDIR"):
        RunDirectory("a", tmp_path / "absent")
