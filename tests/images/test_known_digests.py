"""A digest is remembered for as long as its file is the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.images import digest as module
from powerdown.images.digest import KnownDigests, digest


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    file = tmp_path / "disk"
    file.write_bytes(b"first")
    return file


def known(tmp_path: Path, disk: Path) -> str:
    """As a run of its own would ask."""
    return KnownDigests(tmp_path / "cache").of(disk, Deadline.after(10))


def test_a_known_file_is_not_read_again(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = known(tmp_path, disk)
    assert first == digest(disk, Deadline.after(10))
    monkeypatch.setattr(module, "digest", lambda *_: "read again")
    assert known(tmp_path, disk) == first


def test_a_file_that_was_touched_is_read_again(tmp_path: Path, disk: Path) -> None:
    """Even if its size and its time of change were put back."""
    first, before = known(tmp_path, disk), disk.stat()
    disk.write_bytes(b"other")
    os.utime(disk, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known(tmp_path, disk) == digest(disk, Deadline.after(10)) != first


def test_files_are_told_apart(tmp_path: Path, disk: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    assert known(tmp_path, disk) != known(tmp_path, other)
    assert known(tmp_path, disk) == digest(disk, Deadline.after(10))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"stamp": 1}', b"\xff"])
def test_a_damaged_note_is_no_digest(tmp_path: Path, disk: Path, content: bytes) -> None:
    first = known(tmp_path, disk)
    [note] = (tmp_path / "cache" / "digests").iterdir()
    note.write_bytes(content)
    assert known(tmp_path, disk) == first


def test_without_a_cache_it_is_read(tmp_path: Path, disk: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert known(tmp_path, disk) == digest(disk, Deadline.after(10))


def test_a_missing_file_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="read the status of"):
        known(tmp_path, tmp_path / "missing")
