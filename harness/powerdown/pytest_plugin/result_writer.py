"""Hooks of the process that reports: collects the records of a run and writes its result."""

from __future__ import annotations

from contextlib import suppress

import pytest

from powerdown.core.errors import PowerdownError
from powerdown.host.host import Host
from powerdown.pytest_plugin.compared_run import records_to_compare
from powerdown.pytest_plugin.item_recorder import RECORD
from powerdown.pytest_plugin.options import reports_directory
from powerdown.pytest_plugin.result import Records, gate_result, write_confusion
from powerdown.pytest_plugin.shared_images import SharedImages
from powerdown.pytest_plugin.worker_notes import WorkerNotes
from powerdown.report.confusion import Confusion
from powerdown.report.gate_result import GateResult, HostFacts
from powerdown.report.scenario_record import ScenarioRecord
from powerdown.report.summary import render

_FILE_WIDTH = 120
"""Columns of the result where it does not go to a terminal."""


class ResultWriter:
    """A pytest plugin of the controller, or of the only process.

    :param config: of that process.
    :param images: of the run.
    :param notes: of its workers.
    """

    def __init__(self, config: pytest.Config, images: SharedImages, notes: WorkerNotes) -> None:
        self._config = config
        self._images = images
        self._notes = notes
        self._reports = reports_directory(config)
        self._records = Records()
        self._result: GateResult | None = None
        self._no_result = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the record that came with a report, or note a worker that crashed."""
        record = getattr(report, RECORD, None)
        if record is not None:
            self._records.add(ScenarioRecord.from_json(record))
        elif report.when not in ("setup", "call", "teardown"):
            # xdist's report for a test whose worker died has the phase "???" and nothing else.
            lost = self._notes.lost(report.nodeid, report.longreprtext)
            if lost is not None:
                self._records.add(lost)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write ``gate.json`` and the confusion matrix, now that all guests have ended.

        The run has failed if an image was written or a verdict was wrong and confident.
        """
        if not self._records.in_order():
            return
        file, confusion_file = (self._reports / name for name in ("gate.json", "confusion.json"))
        self._records.complete(self._notes.selected())
        try:
            host = HostFacts.of(Host.of_this_host().accelerator)
            others = records_to_compare(self._config)
            result = gate_result(host, self._images, self._records, others)
            result.write(file)
            confusion = Confusion.of(result.scenarios)
            write_confusion(confusion, result, confusion_file)
        except PowerdownError as error:
            self._no_result = f"no gate result: {error}"
            # An earlier run's result must not pass for this one's.
            for stale in (file, confusion_file, confusion_file.with_suffix(".png")):
                with suppress(OSError):
                    stale.unlink()
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            return
        self._result = result
        if any(image.untouched is False for image in result.images) or confusion.wrong_confident:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the result as a table."""
        if self._no_result:
            terminalreporter.write_line(self._no_result, red=True)
        if self._result is None:
            return
        terminalreporter.section("soft shutdown")
        # What is not a terminal has no width: pytest assumes 80, too narrow for the table.
        width = terminalreporter._tw.fullwidth if terminalreporter.isatty else _FILE_WIDTH
        files = {"result": "gate.json", "confusion": "confusion.png", "pictures": "scenarios"}
        reports = {word: self._reports / name for word, name in files.items()}
        text = render(self._result, width, terminalreporter.hasmarkup, reports)
        terminalreporter.write(text, flush=True)
