"""The result of a run, from what its tests reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from powerdown.pytest_plugin.result import Records, gate_result
from powerdown.pytest_plugin.shared_images import SharedImages
from powerdown.pytest_plugin.worker_notes import WorkerNotes
from powerdown.report.gate_result import HostFacts
from powerdown.report.scenario_record import ScenarioRecord, Status
from tests.support.boot_sector import HUNG
from tests.support.gate_directory import GateDirectory

HOST = HostFacts("QEMU 7.2", "tcg", "said so")


@pytest.fixture
def directory(tmp_path: Path) -> GateDirectory:
    return GateDirectory(tmp_path, "")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


def record(test_id: str, **more: str) -> ScenarioRecord:
    facts: dict[str, Any] = {"image": "i", "scenario": "s", "variant": "v", **more}
    return ScenarioRecord(test_id=test_id, status=Status.PASSED, **facts)


def test_a_later_report_of_a_test_replaces_the_one_before() -> None:
    records = Records()
    records.add(record("t", variant="call"))
    records.add(record("t", variant="teardown"))
    assert [r.variant for r in records.in_order()] == ["teardown"]


def test_records_are_in_order_whatever_order_they_came_in() -> None:
    records = Records()
    for test_id, image, scenario in [
        ("3", "b", "soft-shutdown"),
        ("2", "a", "forced-shutdown"),
        ("1", "a", "power-button-ignored"),
    ]:
        records.add(record(test_id, image=image, scenario=scenario))
    assert [r.test_id for r in records.in_order()] == ["1", "2", "3"]


def test_the_result_holds_it_all(directory: GateDirectory, run: Path) -> None:
    images, records = SharedImages(run), Records()
    images.prepare(directory.image("hung", HUNG))
    WorkerNotes(run).select([record("t")])
    records.add(record("t"))
    result = gate_result(HOST, images, records)
    assert result.host == HOST
    assert [image.name for image in result.images] == ["hung"]
    assert [r.test_id for r in result.scenarios] == ["t"]
    assert result.created.tzinfo is not None
    assert result.powerdown_version
