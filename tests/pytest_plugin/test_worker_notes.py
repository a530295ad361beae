"""What workers leave for the controller and for each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from powerdown.pytest_plugin.worker_notes import WorkerNotes
from powerdown.report.scenario_record import ScenarioRecord, Status


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


def record(test_id: str, **more: str) -> ScenarioRecord:
    facts: dict[str, Any] = {"image": "i", "scenario": "s", "variant": "v", **more}
    return ScenarioRecord(test_id=test_id, status=Status.PASSED, **facts)


def test_a_lost_test_is_known_by_what_was_selected(run: Path) -> None:
    notes = WorkerNotes(run)
    assert notes.lost("t", "gone") is None
    notes.select([record("t", scenario="asleep"), record("u")])
    WorkerNotes(run).select([record("t", scenario="asleep"), record("u")])
    lost = notes.lost("t", "gone")
    assert lost is not None
    assert (lost.scenario, lost.status, lost.message) == ("asleep", Status.ERROR, "gone")
    assert notes.lost("no scenario", "gone") is None


def test_a_test_is_begun_by_one_worker_only(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = WorkerNotes(run)
    notes.select([record("t"), record("u/with[odd]\nname")])
    assert notes.begin("t")
    # The same worker may: a plugin may run a failing test again.
    assert notes.begin("t")
    monkeypatch.setattr("os.getpid", lambda: 1)
    assert not WorkerNotes(run).begin("t")
    assert WorkerNotes(run).begin("u/with[odd]\nname")


def test_groups_are_those_that_were_noted_last(run: Path) -> None:
    notes = WorkerNotes(run)
    assert notes.groups() == {}
    notes.group({"t": "one"})
    WorkerNotes(run).group({"t": "one", "u/with[odd]\nname": "two"})
    assert notes.groups() == {"t": "one", "u/with[odd]\nname": "two"}
