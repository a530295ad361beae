"""One run of the gate over all its xdist workers: shared images, collected records, the result."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from harness.deadline import Deadline
from harness.images.definition import load
from harness.images.digest import digest
from harness.images.image import Image
from harness.report.gate_result import GateResult, HostFacts, ImageRecord, ScenarioRecord

_DIGEST_SECONDS = 900.0
"""Time allowed to read a whole disk; public images have some tens of GB."""


class SharedImages:
    """The images of a run, each prepared once however many workers ask for it.

    :param directory: private to the run and shared by its workers.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self, definition: Path) -> Image:
        """Load an image, building its disk if need be, and note its disk's digest.

        :raise PowerdownError: the definition, its build or its disk is unusable.
        """
        with self._locked():
            image = load(definition)
            note = self._directory / f"{image.name}.json"
            if not note.exists():
                before = digest(image.disk.path, Deadline.after(_DIGEST_SECONDS))
                facts = {
                    "definition": str(definition),
                    "description": image.description,
                    "disk": str(image.disk.path),
                    "digest": before,
                }
                note.write_text(json.dumps(facts))
            return image

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
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._directory / "images.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Records:
    """What the tests reported, in the order of their ids; a later report of a test replaces one."""

    def __init__(self) -> None:
        self._by_test: dict[str, ScenarioRecord] = {}

    def add(self, record: ScenarioRecord) -> None:
        """Keep a record."""
        self._by_test[record.test_id] = record

    def in_order(self) -> tuple[ScenarioRecord, ...]:
        """All records, sorted by image, mission and test."""
        return tuple(
            sorted(
                self._by_test.values(), key=lambda r: (r.image, r.mission, r.scenario, r.test_id)
            )
        )


def gate_result(host: HostFacts, images: SharedImages, records: Records) -> GateResult:
    """The result of a run that has ended."""
    return GateResult(
        powerdown_version=version("powerdown"),
        created=datetime.now(UTC),
        host=host,
        images=images.records(),
        scenarios=records.in_order(),
    )
