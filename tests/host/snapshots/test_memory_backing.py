"""The memory of templates goes to the tmpfs where it fits, and the run says which."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.core.errors import HostError
from powerdown.host.snapshots import memory_backing as module
from powerdown.host.snapshots.memory_backing import choose_memory_backing, memory_directories

CACHE = Path("/cache")
MIB = 1 << 20


def test_on_tmpfs_when_it_fits(tmp_path: Path) -> None:
    place = choose_memory_backing(MIB, CACHE, tmp_path)
    assert place.directory.parent == tmp_path
    assert place.why == f"on tmpfs {tmp_path}"


def test_on_disk_when_the_tmpfs_is_too_small(tmp_path: Path) -> None:
    place = choose_memory_backing(1 << 60, CACHE, tmp_path)
    assert place.directory == CACHE
    assert "MiB free and" in place.why


class SmallHost:
    def free_memory(self) -> int:
        return 3 * MIB


class SilentHost:
    def free_memory(self) -> int:
        raise HostError("read meminfo", "it is not there", "Mount /proc.")


def test_on_disk_when_the_host_has_too_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HostResources", SmallHost)
    assert choose_memory_backing(MIB, CACHE, tmp_path).directory.parent == tmp_path
    assert (
        "host has 3 MiB of free memory and 4 MiB"
        in choose_memory_backing(2 * MIB, CACHE, tmp_path).why
    )
    monkeypatch.setattr(module, "HostResources", SilentHost)
    assert "host has 0 MiB" in choose_memory_backing(MIB, CACHE, tmp_path).why


def test_on_disk_without_a_tmpfs(tmp_path: Path) -> None:
    assert "cannot be used" in choose_memory_backing(MIB, CACHE, tmp_path / "none").why


def test_a_directory_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    directory = choose_memory_backing(MIB, CACHE, tmp_path).directory
    directory.mkdir(mode=0o755)
    assert "is not private to this user" in choose_memory_backing(MIB, CACHE, tmp_path).why
    # Nor is anything looked for there, to be used or removed.
    assert memory_directories(CACHE, tmp_path) == (CACHE,)
    directory.rmdir()
    directory.symlink_to(tmp_path)
    assert "is not private to this user" in choose_memory_backing(MIB, CACHE, tmp_path).why
    assert memory_directories(CACHE, tmp_path) == (CACHE,)
