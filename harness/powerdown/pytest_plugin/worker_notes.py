"""What workers leave for the controller and for each other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from powerdown.core.files import write_atomically
from powerdown.report.scenario_record import ScenarioRecord, Status


class WorkerNotes:
    """What workers leave for the controller and for each other.

    :param directory: private to the run and shared by its workers.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "scenarios"

    def select(self, records: Iterable[ScenarioRecord]) -> None:
        """Tell of every scenario that is going to run; each process of a run says the same."""
        self._directory.mkdir(exist_ok=True)
        write_atomically(self._selected, json.dumps([record.to_json() for record in records]))

    def group(self, groups: Mapping[str, str]) -> None:
        """Note which tests must run in one worker: their groups by their ids."""
        self._directory.mkdir(exist_ok=True)
        write_atomically(self._groups, json.dumps(dict(groups)))

    def groups(self) -> dict[str, str]:
        """The groups by the ids of their tests."""
        if not self._groups.exists():
            return {}
        groups: dict[str, str] = json.loads(self._groups.read_text())
        return groups

    def begin(self, test_id: str) -> bool:
        """Claim a test for this worker; false if another has begun it, which must have died.

        xdist hands the test that killed a worker to the next one when it schedules by groups,
        until none is left.
        """
        claim = self._directory / sha256(test_id.encode()).hexdigest()
        try:
            with claim.open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return claim.read_text() == str(os.getpid())
        return True

    def lost(self, test_id: str, message: str) -> ScenarioRecord | None:
        """The record of a test whose worker died; ``None`` if it is no scenario."""
        for record in self.selected():
            if record.test_id == test_id:
                return replace(record, status=Status.ERROR, message=message)
        return None

    def selected(self) -> list[ScenarioRecord]:
        """Every scenario that was going to run, as if it had not."""
        if not self._selected.exists():
            return []
        return [ScenarioRecord.from_json(value) for value in json.loads(self._selected.read_text())]

    @property
    def _selected(self) -> Path:
        return self._directory / "selected"

    @property
    def _groups(self) -> Path:
        return self._directory / "groups"
