"""One run of the gate over all its xdist workers: shared images, collected records, the result."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError, PowerdownError
from powerdown.core.files import locked, write_atomically
from powerdown.core.outcome import Cause
from powerdown.host.snapshots.start_notes import StartNotes
from powerdown.images.definition import load, read
from powerdown.images.digest import digest
from powerdown.images.image import Image
from powerdown.machine.backend import Backend
from powerdown.machine.hypervisor import label
from powerdown.report.confusion import Confusion
from powerdown.report.confusion_picture import draw_confusion
from powerdown.report.disagreement import disagreements
from powerdown.report.gate_result import GateResult, HostFacts, ImageRecord
from powerdown.report.json_object import ReportFormatError
from powerdown.report.scenario_record import ScenarioRecord, Status

_DIGEST_SECONDS = 900.0
"""Time allowed to read a whole disk; public images have some tens of GB."""


class SharedImages:
    """The images of a run, each prepared once however many workers ask for it.

    :param directory: private to the run and shared by its workers.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self, definition: Path) -> Image:
        """Have an image's disk at hand, building it if need be, and note its digest.

        What failed once in a run is not tried again in it.

        :raise PowerdownError: the definition, its build or its disk is unusable.
        """
        name = read(definition).described.name
        note = self._directory / f"{name}.json"
        failure = self._directory / f"{name}.failure"
        with locked(self._directory / "images.lock"):
            if failure.exists():
                raise HostError(*json.loads(failure.read_text()))
            try:
                image = load(definition)
                if not note.exists():
                    note.write_text(json.dumps(_facts(image)))
            except PowerdownError as error:
                failure.write_text(json.dumps([error.action, error.actual, error.remedy]))
                raise
            return image

    @property
    def start_notes(self) -> Path:
        """Where workers note how guests start."""
        return self._directory / "starts"

    def records(self) -> tuple[ImageRecord, ...]:
        """Every image used, with its disk's digest before and now."""
        return tuple(self._record(note) for note in sorted(self._directory.glob("*.json")))

    def _record(self, note: Path) -> ImageRecord:
        facts = json.loads(note.read_text())
        disk = Path(facts["disk"])
        return ImageRecord(
            name=note.stem,
            definition=facts["definition"],
            description=facts["description"],
            digest_before=f"sha256:{facts['digest']}",
            digest_after=f"sha256:{digest(disk, Deadline.after(_DIGEST_SECONDS))}",
            start=self._start(note.stem),
        )

    def _start(self, image: str) -> str:
        """How its guests came to be ready, each way that was taken."""
        notes = StartNotes(self.start_notes)
        told = {backend: notes.read(label(image, backend)).told for backend in Backend}
        told = {backend: text for backend, text in told.items() if text}
        if set(told) <= {Backend.QMP}:
            return told.get(Backend.QMP, "")
        return "; ".join(f"via {backend}: {text}" for backend, text in told.items())


class WorkerNotes:
    """What workers leave for the controller and for each other, in case one of them dies.

    :param directory: private to the run and shared by its workers.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "scenarios"

    def select(self, records: Iterable[ScenarioRecord]) -> None:
        """Tell of every scenario that is going to run; each process of a run says the same."""
        self._directory.mkdir(exist_ok=True)
        write_atomically(self._selected, json.dumps([record.to_json() for record in records]))

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


class Records:
    """What the tests reported, in the order of their ids; a later report of a test replaces one."""

    def __init__(self) -> None:
        self._by_test: dict[str, ScenarioRecord] = {}

    def add(self, record: ScenarioRecord) -> None:
        """Keep a record."""
        self._by_test[record.test_id] = record

    def complete(self, selected: Iterable[ScenarioRecord]) -> None:
        """Add the scenarios that were to run and did not, so that a stopped run shows as one."""
        for record in selected:
            self._by_test.setdefault(record.test_id, record)

    def in_order(self) -> tuple[ScenarioRecord, ...]:
        """All records, sorted by image, scenario and test."""
        return tuple(
            sorted(
                self._by_test.values(),
                key=lambda r: (r.image, _position(r.scenario), r.scenario, r.test_id),
            )
        )


def gate_result(
    host: HostFacts,
    images: SharedImages,
    records: Records,
    others: Iterable[ScenarioRecord] = (),
) -> GateResult:
    """The result of a run that has ended.

    :param others: of another run, whose scenarios went another way, to compare with.
    """
    return GateResult(
        powerdown_version=version("powerdown"),
        created=datetime.now(UTC),
        host=host,
        images=images.records(),
        scenarios=records.in_order(),
        disagreements=disagreements([*others, *records.in_order()]),
    )


def write_confusion(confusion: Confusion, result: GateResult, path: Path) -> None:
    """Write the confusion matrix of a run, and its picture beside it.

    :raise ReportFormatError: a file cannot be written.
    """
    confusion.write(path)
    picture = path.with_suffix(".png")
    names = ", ".join(image.name for image in result.images)
    moment = result.created.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    try:
        draw_confusion(confusion, f"Confusion matrix: {names}, {moment}", picture)
    except OSError as error:
        raise ReportFormatError(
            f"draw the confusion matrix {picture}",
            str(error),
            "Make the directory writable, or choose another.",
        ) from error


def _facts(image: Image) -> dict[str, str]:
    return {
        "definition": str(image.definition),
        "description": image.description,
        "disk": str(image.disk.path),
        "digest": digest(image.disk.path, Deadline.after(_DIGEST_SECONDS)),
    }


_CAUSES = [str(cause) for cause in Cause]


def _position(scenario: str) -> int:
    """Controls first, then the failures in the order of the catalogue."""
    return _CAUSES.index(scenario) if scenario in _CAUSES else -1
