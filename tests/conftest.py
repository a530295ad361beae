"""Settings of the harness's own tests."""

from __future__ import annotations

import pytest
from hypothesis import settings

# CI machines are slow and shared: an example's time says nothing about the code.
settings.register_profile("powerdown", deadline=None, print_blob=True)
settings.load_profile("powerdown")


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixtures that several packages of tests share."""
    config.pluginmanager.import_plugin("tests.support.modelled_guest")
    config.pluginmanager.import_plugin("tests.support.samples")
