"""Where the pictures and transcripts of a run go: a directory of its own for each scenario."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from powerdown.core.files import slug


class Artifacts:
    """The artifact directories of a run.

    :param reports: directory of the run's result.
    :param claims: directory shared by the workers of a run.
    """

    def __init__(self, reports: Path, claims: Path) -> None:
        self._reports = reports
        self._claims = claims

    def directory(self, image: str, title: str) -> Path:
        """A directory that no other scenario of this run has; not made yet.

        Scenarios of the same title get a number: those of two tests or two backends, of a test that
        is run again, or of a fixture that several workers set up.
        """
        for number in count(1):
            name = slug(title) if number == 1 else f"{slug(title)}-{number}"
            try:
                (self._claims / image / name).mkdir(parents=True)
            except FileExistsError:
                continue
            return self._reports / "scenarios" / image / name
        raise AssertionError("unreachable: the numbers do not end")
