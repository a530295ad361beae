"""What the workers of one run share."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from powerdown.core.errors import DefinitionError, PowerdownError
from powerdown.pytest_plugin.gate_run import Records, SharedImages, WorkerNotes, gate_result
from powerdown.report.gate_result import HostFacts
from powerdown.report.scenario_record import ScenarioRecord, Status
from tests.gate_directory import GateDirectory
from tests.machine.boot_sector import HUNG

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
    facts = {"image": "i", "scenario": "s", "variant": "v", **more}
    return ScenarioRecord(test_id=test_id, status=Status.PASSED, **facts)


def test_an_image_is_known_to_all_and_proved_untouched(directory: GateDirectory, run: Path) -> None:
    definition = directory.image("hung", HUNG, file="other-name")
    image = SharedImages(run).prepare(definition)
    assert SharedImages(run).prepare(definition) == image
    (known,) = SharedImages(run).records()
    assert (known.name, known.definition) == ("hung", str(definition))
    assert known.description == image.description
    assert str(known.digest_before).startswith("sha256:")
    assert known.untouched is True


def test_a_written_image_is_found_out(directory: GateDirectory, run: Path) -> None:
    definition = directory.image("hung", HUNG)
    image = SharedImages(run).prepare(definition)
    with image.disk.path.open("ab") as disk:
        disk.write(b"\0")
    # A worker that comes later must not take the written disk for the original.
    SharedImages(run).prepare(definition)
    (known,) = SharedImages(run).records()
    assert known.untouched is False


def test_a_failure_is_told_to_all_and_not_tried_again(directory: GateDirectory, run: Path) -> None:
    definition = directory.unbuildable("unbuilt")
    said = set()
    for _ in range(3):
        with pytest.raises(PowerdownError) as caught:
            SharedImages(run).prepare(definition)
        said.add(str(caught.value))
    assert len(said) == 1
    assert "status 2: mmdebstrap is missing" in said.pop()
    assert (directory.path / "built").read_text() == "\n"
    assert SharedImages(run).records() == ()


def test_parallel_workers_build_one_after_the_other(directory: GateDirectory, run: Path) -> None:
    definition = directory.unbuildable("unbuilt")
    failures: list[PowerdownError] = []

    def prepare() -> None:
        try:
            SharedImages(run).prepare(definition)
        except PowerdownError as error:
            failures.append(error)

    workers = [threading.Thread(target=prepare) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert len(failures) == 4
    assert (directory.path / "built").read_text() == "\n"


def test_a_bad_definition_is_an_error(run: Path) -> None:
    with pytest.raises(DefinitionError):
        SharedImages(run).prepare(run / "absent.toml")


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
