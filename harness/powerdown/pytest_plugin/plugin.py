"""Entry point of the pytest plugin.

Imported at every start of pytest in an environment that has Powerdown, so it imports nothing heavy
and does nothing until a test uses Powerdown: one that has the marker ``powerdown_scenario`` or
requests a fixture ``powerdown_*``, in a session with an image to test. The hooks that record such
tests are registered then (:mod:`powerdown.pytest_plugin.run`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from powerdown.pytest_plugin.names import DEFINITION, FIXTURE_PREFIX, MARKER
from powerdown.pytest_plugin.options import add_options, given_on_command_line, images_given

if TYPE_CHECKING:
    from xdist.scheduler import Scheduling

pytest_plugins = ("powerdown.pytest_plugin.fixtures",)

_GIVEN_WORKERS = "PYTEST_XDIST_AUTO_NUM_WORKERS"
"""Environment variable by which a user tells xdist what ``-n auto`` means."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of Powerdown."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and check the options that were given."""
    config.addinivalue_line(
        "markers", f"{MARKER}(id, variant=''): a conformance scenario of Powerdown"
    )
    if not _is_worker(config) and given_on_command_line(config):
        from powerdown.pytest_plugin.option_checks import check_options

        check_options(config)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """How many workers ``-n auto`` means: as many as guests may live at once."""
    if not images_given(config) or os.environ.get(_GIVEN_WORKERS):
        return None
    from powerdown.pytest_plugin.worker_count import worker_count

    return worker_count(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give an xdist worker what the processes of a run share."""
    if images_given(node.config):
        from powerdown.pytest_plugin.run import Run

        Run.of(node.config).share_with(node)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """Have tests of one ``xdist_group`` run by one worker, whatever the version of pytest."""
    if not images_given(config) or config.getoption("dist") != "loadgroup":
        return None
    from powerdown.pytest_plugin.group_scheduling import GroupScheduling
    from powerdown.pytest_plugin.run import Run

    return GroupScheduling(config, log, Run.of(config).notes)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that needs an image once on each image, and on each backend chosen."""
    if DEFINITION in metafunc.fixturenames and images_given(metafunc.config):
        from powerdown.pytest_plugin.parametrization import parametrize

        parametrize(metafunc)


# First: xdist's own hook hands the tests of a worker to the controller, which then needs the notes.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin a run of Powerdown, if one of the tests uses it."""
    config = session.config
    if config.option.collectonly or not images_given(config):
        return
    if any(_uses_powerdown(item) for item in session.items):
        from powerdown.pytest_plugin.run import Run

        Run.of(config).select(session.items)


def _uses_powerdown(item: pytest.Item) -> bool:
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return item.get_closest_marker(MARKER) is not None or any(
        name.startswith(FIXTURE_PREFIX) for name in fixtures
    )


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
