"""How many xdist workers a run can use on this host."""

from __future__ import annotations

import logging

import pytest

from powerdown.core.errors import PowerdownError
from powerdown.host.host import Host
from powerdown.images.definition import read
from powerdown.pytest_plugin.options import COLD
from powerdown.pytest_plugin.progress import show_progress
from powerdown.pytest_plugin.selected_images import image_names

_log = logging.getLogger(__name__)


def worker_count(config: pytest.Config) -> int:
    """As many workers as guests of the images may live at once.

    :raise pytest.UsageError: an image definition cannot be used, or QEMU does not run here.
    """
    try:
        images = [read(definition).described for definition in image_names(config)]
        found = Host.of_this_host().workers(images, cold=config.getoption(COLD))
    except PowerdownError as error:
        raise pytest.UsageError(str(error)) from error
    show_progress(config)
    _log.info("%s", found)
    return found.count
