"""Windows artefacts for tests: made by the project, and real ones if they are beside the checkout.

A test runs on both. It skips only on a real one that is absent, so each test runs everywhere at
least once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.made_system_hive import made_system_hive_file
from tests.support.paths import REPOSITORY

REAL_SAMPLES = REPOSITORY.parent / "shared" / "samples"
"""The real artefacts, which are not part of the project."""


@dataclass(frozen=True)
class Sample:
    """A file for tests to read.

    :param make: makes its content; ``None`` for a real one.
    """

    name: str
    make: Callable[[], bytes] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.name.partition(".")[0]


MADE_HIVE = Sample("made-SYSTEM.hive", made_system_hive_file)
REAL_HIVE = Sample("SYSTEM.hive")
SYSTEM_HIVES = (MADE_HIVE, REAL_HIVE)


class SampleFiles:
    """The files of samples, made when first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, sample: Sample) -> Path:
        """The file; skips the test if it is a real one that is absent."""
        if sample.make is None:
            path = REAL_SAMPLES / sample.name
            if not path.is_file():
                pytest.skip(f"there is no real {sample.name} in {REAL_SAMPLES}")
            return path
        path = self._directory / sample.name
        if not path.exists():
            path.write_bytes(sample.make())
        return path


@pytest.fixture(scope="session")
def sample_files(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    """The files of all samples."""
    return SampleFiles(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="session", params=SYSTEM_HIVES, ids=str)
def system_hive(request: pytest.FixtureRequest, sample_files: SampleFiles) -> Path:
    """A SYSTEM hive: a made one, then a real one."""
    return sample_files.path(request.param)
