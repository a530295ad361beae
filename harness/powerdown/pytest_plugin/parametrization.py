"""Tests that need an image, once for each image and backend of the run."""

from __future__ import annotations

import pytest

from powerdown.pytest_plugin.backends import backends
from powerdown.pytest_plugin.names import BACKEND, DEFINITION
from powerdown.pytest_plugin.selected_images import image_names


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Have a test run once on each image and, where several are chosen, on each backend."""
    try:
        chosen, images = backends(metafunc.config), image_names(metafunc.config)
    except pytest.UsageError as error:
        # Reported so, it is one line without a traceback, also by the workers of xdist.
        raise pytest.Collector.CollectError(str(error)) from error
    if len(chosen) > 1:
        metafunc.parametrize(BACKEND, chosen, scope="session", indirect=True)
    metafunc.parametrize(DEFINITION, images, ids=images.values(), scope="session")
