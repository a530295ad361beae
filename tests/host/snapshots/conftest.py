from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.host.snapshots import memory_backing, template_store
from powerdown.host.snapshots.template_store import TemplateStore


@pytest.fixture
def tmpfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that stands for the host's tmpfs."""
    directory = tmp_path / "shm"
    directory.mkdir()
    monkeypatch.setattr(memory_backing, "TMPFS", directory)
    for function in (memory_backing.choose_memory_backing, memory_backing.memory_directories):
        monkeypatch.setattr(function, "__defaults__", (directory,))
    monkeypatch.setattr(template_store, "TMPFS", directory)
    return directory


@pytest.fixture
def templates(tmp_path: Path, tmpfs: Path) -> TemplateStore:
    return TemplateStore(tmp_path / "cache")
