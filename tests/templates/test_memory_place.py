"""The memory of templates goes to the tmpfs where it fits, and the run says which."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.templates import memory_place as module
from harness.templates.memory_place import available_memory, memory_place

CACHE = Path("/cache")
MIB = 1 << 20


def test_on_tmpfs_when_it_fits(tmp_path: Path) -> None:
    place = memory_place(MIB, CACHE, tmp_path)
    assert place.tmpfs
    assert place.directory.parent == tmp_path
    assert place.why == f"on tmpfs {tmp_path}"


@pytest.mark.parametrize(
    ("needed", "why"),
    [
        (1 << 60, "MiB free of"),
    ],
)
def test_on_disk_when_the_tmpfs_is_too_small(tmp_path: Path, needed: int, why: str) -> None:
    place = memory_place(needed, CACHE, tmp_path)
    assert not place.tmpfs
    assert place.directory == CACHE
    assert why in place.why


def test_on_disk_when_the_host_has_too_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: 3 * MIB)
    assert memory_place(MIB, CACHE, tmp_path).tmpfs
    assert "host has 3 MiB of memory free of 4 MiB" in memory_place(2 * MIB, CACHE, tmp_path).why


def test_on_disk_without_a_tmpfs(tmp_path: Path) -> None:
    assert "cannot be used" in memory_place(MIB, CACHE, tmp_path / "none").why


def test_a_directory_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    directory = memory_place(MIB, CACHE, tmp_path).directory
    directory.mkdir(mode=0o755)
    assert "belongs to somebody else" in memory_place(MIB, CACHE, tmp_path).why
    directory.rmdir()
    directory.symlink_to(tmp_path)
    assert "belongs to somebody else" in memory_place(MIB, CACHE, tmp_path).why


def test_available_memory(tmp_path: Path) -> None:
    information = tmp_path / "meminfo"
    information.write_text("MemTotal: 9 kB\nMemAvailable:  2048 kB\n")
    assert available_memory(information) == 2 * MIB
    information.write_text("MemAvailable: lots\n")
    assert available_memory(information) == 0
    assert available_memory(tmp_path / "none") == 0
    assert available_memory() > 0
