"""What a run knows about the templates of its images; shared by its workers and its report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from powerdown.core.files import write_atomically


@dataclass(frozen=True)
class StartNote:
    """What this run knows about an image's template.

    :param description: how its guests start, for reports; empty until known.
    :param cold: whether they start cold.
    :param fingerprint: of the template's files when they were last checked.
    :param failed: number of templates that turned out to be bad.
    """

    description: str = ""
    cold: bool = False
    fingerprint: object = None
    failed: int = 0


class StartNotes:
    """One note for each image.

    :param directory: private to the run and shared by its workers; made when needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, image: str) -> StartNote:
        """The note on an image of this name; an empty one if there is none."""
        try:
            return StartNote(**json.loads(self._file(image).read_bytes()))
        except FileNotFoundError:
            return StartNote()

    def write(self, image: str, note: StartNote) -> None:
        """Replace the note on an image."""
        file = self._file(image)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(asdict(note)))

    def _file(self, image: str) -> Path:
        return self._directory / f"{image}.start"
