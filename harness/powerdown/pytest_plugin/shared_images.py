"""The images of a run, each prepared once however many workers ask for it."""

from __future__ import annotations

import json
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError, PowerdownError
from powerdown.core.files import locked
from powerdown.host.snapshots.start_notes import StartNotes
from powerdown.images.definition import load, read
from powerdown.images.digest import digest
from powerdown.images.image import Image
from powerdown.machine.backend import Backend
from powerdown.machine.hypervisor import label
from powerdown.report.gate_result import ImageRecord

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
        """How its guests were started, for each backend that was used."""
        notes = StartNotes(self.start_notes)
        starts = {backend: notes.read(label(image, backend)).description for backend in Backend}
        starts = {backend: start for backend, start in starts.items() if start}
        if set(starts) <= {Backend.QMP}:
            return starts.get(Backend.QMP, "")
        return "; ".join(f"via {backend}: {start}" for backend, start in starts.items())


def _facts(image: Image) -> dict[str, str]:
    return {
        "definition": str(image.definition),
        "description": image.description,
        "disk": str(image.disk.path),
        "digest": digest(image.disk.path, Deadline.after(_DIGEST_SECONDS)),
    }
