"""The stand-in's commands on this host, without a machine around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.guest.windows import Windows
from tests.faults.fake_subject import FakeSubject
from tests.guest.conftest import (  # noqa: F401
    address,
    channel,
    installed,
    machine,
    open_channel,
    windows,
)


@pytest.fixture
def target(windows: Windows, tmp_path: Path) -> FakeSubject:  # noqa: F811 (a fixture)
    """A guest to inject into."""
    return FakeSubject(windows, tmp_path)
