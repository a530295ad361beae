"""One run of Powerdown, in each process that takes part in it: the controller and the workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from powerdown.core.errors import HostError
from powerdown.core.parent_death import die_with_parent
from powerdown.machine.run_directory import RunDirectory
from powerdown.pytest_plugin.artifacts import Artifacts
from powerdown.pytest_plugin.group_scheduling import groups_of
from powerdown.pytest_plugin.item_record import item_record
from powerdown.pytest_plugin.item_recorder import ItemRecorder
from powerdown.pytest_plugin.options import reports_directory
from powerdown.pytest_plugin.progress import show_progress
from powerdown.pytest_plugin.result_writer import ResultWriter
from powerdown.pytest_plugin.scenario_mark import ScenarioMark
from powerdown.pytest_plugin.shared_images import SharedImages
from powerdown.pytest_plugin.worker_notes import WorkerNotes
from powerdown.report.scenario_record import Status

_DIRECTORY = "powerdown_run"
"""Key under which a worker gets the directory that it shares with the others."""

_PARENT = "powerdown_parent"
"""Key under which a worker on this host gets its controller's process id."""

_run_key = pytest.StashKey["Run"]()


class Run:
    """What the processes of a run share.

    :param directory: private to the run and shared by its processes.
    :ivar images: the images under test.
    :ivar notes: what workers leave for the controller and for each other.
    :ivar artifacts: where pictures and transcripts go.
    """

    def __init__(self, directory: Path, reports: Path) -> None:
        self.directory = directory
        self.images = SharedImages(directory)
        self.notes = WorkerNotes(directory)
        self.artifacts = Artifacts(reports, directory / "artifacts")

    @classmethod
    def of(cls, config: pytest.Config) -> Run:
        """The run of this process, which begins when it is first asked for.

        :raise pytest.UsageError: no directory can be made for it.
        """
        if _run_key not in config.stash:
            config.stash[_run_key] = cls._begin(config)
        return config.stash[_run_key]

    @classmethod
    def _begin(cls, config: pytest.Config) -> Run:
        show_progress(config)
        worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        reports = reports_directory(config)
        if worker is not None:
            # No worker, and so no guest of one, outlives its controller.
            if _PARENT in worker:
                die_with_parent(worker[_PARENT])
            run = cls(Path(worker[_DIRECTORY]), reports)
            config.pluginmanager.register(ItemRecorder(run.notes), "powerdown-recorder")
            return run
        try:
            directory = RunDirectory("run")
        except HostError as error:
            raise pytest.UsageError(str(error)) from error
        config.add_cleanup(directory.close)
        run = cls(directory.path, reports)
        config.pluginmanager.register(ItemRecorder(None), "powerdown-recorder")
        writer = ResultWriter(config, run.images, run.notes)
        config.pluginmanager.register(writer, "powerdown-result")
        return run

    def share_with(self, node: Any) -> None:
        """Give an xdist worker that starts the directory of the run, and whom not to outlive."""
        node.workerinput[_DIRECTORY] = str(self.directory)
        if node.gateway.spec.popen and not node.gateway.spec.backend:
            node.workerinput[_PARENT] = os.getpid()

    def select(self, items: list[pytest.Item]) -> None:
        """Note what is going to run, in case a worker dies or the run is stopped."""
        marked = ((item, ScenarioMark.of(item)) for item in items)
        self.notes.select(
            item_record(item, mark, Status.SKIPPED, "not run: the run was stopped before it")
            for item, mark in marked
            if mark
        )
        self.notes.group(groups_of(items))
