"""Hooks of a process that runs tests: their records travel with pytest's own reports."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from powerdown.core.errors import NotOnThisGuest
from powerdown.pytest_plugin.item_record import item_record, message_of, status_of
from powerdown.pytest_plugin.names import MARKER
from powerdown.pytest_plugin.scenario_mark import ScenarioMark
from powerdown.pytest_plugin.worker_notes import WorkerNotes

RECORD = "powerdown_record"
"""Attribute of a test report that carries a scenario's record from a worker to the controller."""


class ItemRecorder:
    """A pytest plugin, registered for as long as a run lasts.

    :param notes: of a worker of xdist; ``None`` without it.
    """

    def __init__(self, notes: WorkerNotes | None) -> None:
        self._notes = notes

    # Last among the wrappers: those of pytest have set up then what its teardown relies on.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run no scenario a second time after it has taken a worker with it."""
        mark = ScenarioMark.of(item)
        if mark is not None:
            if not mark.id:
                pytest.fail(f"the marker {MARKER} needs the id of a scenario", pytrace=False)
            if self._notes is not None and not self._notes.begin(item.nodeid):
                message = "the worker that ran this test died; it is not tried again"
                pytest.fail(message, pytrace=False)
        with _SkippedWhereImpossible():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Skip a test whose scenario cannot be provoked on its guest."""
        with _SkippedWhereImpossible():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the scenario's record to the report of the phase that decides its status."""
        report = yield
        mark, status = ScenarioMark.of(item), status_of(report, call.excinfo)
        if mark is not None and status is not None:
            record = item_record(item, mark, status, message_of(report))
            setattr(report, RECORD, record.to_json())
        return report


class _SkippedWhereImpossible:
    """Turns :class:`NotOnThisGuest` into a skipped test."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, NotOnThisGuest):
            pytest.skip(f"cannot be provoked here: {error}")
