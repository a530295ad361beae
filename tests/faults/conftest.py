"""The stand-in's commands on this host, without a machine around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.guest.windows import Windows
from tests.support.fake_target import FakeTarget


@pytest.fixture
def target(windows: Windows, tmp_path: Path) -> FakeTarget:
    """A guest to inject into."""
    return FakeTarget(windows, tmp_path)
