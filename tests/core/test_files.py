"""Files that several processes share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from powerdown.core.files import cache_directory, lock, locked, slug, try_lock, write_atomically


def test_the_cache_lies_where_the_desktop_standard_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_directory() == Path("/caches/powerdown")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_directory() == Path("/home/someone/.cache/powerdown")


@pytest.mark.parametrize(
    ("text", "name"),
    [("press", "press"), ("Press, after remedy (2)", "press-after-remedy-2"), ("../x\n", "x")],
)
def test_slugs_are_safe_in_file_names(text: str, name: str) -> None:
    assert slug(text) == name


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_as_a_whole(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    with path.open() as reader:
        write_atomically(path, "n\u00ebw", mode=0o640, durable=durable)
        assert reader.read() == "old"
    assert path.read_bytes() == "n\u00ebw".encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new", durable=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_is_held_by_one_until_it_is_closed(tmp_path: Path) -> None:
    # Locks belong to an open file, so two descriptors stand for two processes.
    path = tmp_path / "lock"
    with locked(path) as holder:
        other = os.open(path, os.O_RDWR)
        assert not try_lock(other)
        assert path.stat().st_mode & 0o777 == 0o600
        os.write(holder, b"held")
    assert try_lock(other)
    os.close(other)
    assert path.read_bytes() == b"held"


def test_a_shared_lock_keeps_out_only_those_who_want_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second, alone = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(3))
    lock(first, shared=True)
    lock(second, shared=True)
    assert not try_lock(alone)
    os.close(first)
    assert not try_lock(alone)
    os.close(second)
    assert try_lock(alone)
    os.close(alone)
