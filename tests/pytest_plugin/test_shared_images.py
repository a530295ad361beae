"""The images that the workers of one run share."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from powerdown.core.errors import DefinitionError, PowerdownError
from powerdown.pytest_plugin.shared_images import SharedImages
from tests.support.boot_sector import HUNG
from tests.support.gate_directory import GateDirectory


@pytest.fixture
def directory(tmp_path: Path) -> GateDirectory:
    return GateDirectory(tmp_path, "")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


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
