from __future__ import annotations

from pathlib import Path

import pytest

from harness.templates import memory_place, store
from harness.templates.store import TemplateStore


@pytest.fixture
def tmpfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that stands for the host's tmpfs."""
    directory = tmp_path / "shm"
    directory.mkdir()
    monkeypatch.setattr(memory_place, "TMPFS", directory)
    for function in (memory_place.memory_place, memory_place.private_places):
        monkeypatch.setattr(function, "__defaults__", (directory,))
    monkeypatch.setattr(store, "TMPFS", directory)
    return directory


@pytest.fixture
def templates(tmp_path: Path, tmpfs: Path) -> TemplateStore:
    return TemplateStore(tmp_path / "cache")
