"""Options that cannot be used are reported before an hour of tests, not after it."""

from __future__ import annotations

import pytest

from powerdown.core.errors import PowerdownError
from powerdown.pytest_plugin.backends import backends
from powerdown.pytest_plugin.compared_run import records_to_compare
from powerdown.pytest_plugin.options import COMPARE, IMAGE, REPORTS, reports_directory
from powerdown.pytest_plugin.selected_images import image_names


def check_options(config: pytest.Config) -> None:
    """Check the options of Powerdown against each other and the files that they name.

    :raise pytest.UsageError: one cannot be used.
    """
    if config.getoption(IMAGE):
        image_names(config)
    backends(config)
    try:
        records_to_compare(config)
    except PowerdownError as error:
        raise pytest.UsageError(f"{COMPARE}: {error}") from error
    reports = reports_directory(config)
    if reports.exists() and not reports.is_dir():
        raise pytest.UsageError(f"{REPORTS}: {reports} is not a directory; give another")
