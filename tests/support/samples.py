"""Windows artefacts for tests: made by the project, and real ones if they are beside the checkout.

A test runs on both. It skips only on a real one that is absent, so each test runs everywhere at
least once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from powerdown.disk.history.power_history import StartKind
from powerdown.disk.history.session_end import EndKind
from tests.support.machine_story import KnownLog
from tests.support.made_system_hive import made_system_hive_file
from tests.support.made_system_logs import (
    MadeLog,
    eventful_log,
    incomplete_log,
    restarted_log,
)
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


@dataclass(frozen=True)
class LogSample:
    """A System log for tests to read.

    :param make: makes it; ``None`` for a real one.
    :param known: what is known of a real one.
    """

    name: str
    make: Callable[[], MadeLog] | None = field(default=None, repr=False)
    known: KnownLog | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class LogFile:
    """The file of a System log, and what is known of it."""

    path: Path
    known: KnownLog


_RESTARTED = (StartKind.COLD, EndKind.RESTARTED)

RESTARTED_LOG = LogSample("made-restarted.evtx", restarted_log)
INCOMPLETE_LOG = LogSample("made-incomplete.evtx", incomplete_log)
EVENTFUL_LOG = LogSample("made-eventful.evtx", eventful_log)
# The facts were taken from what the package "evtx" makes of the whole file.
REAL_LOG_2017 = LogSample(
    "client-2017-System.evtx",
    known=KnownLog(
        (_RESTARTED, _RESTARTED, (StartKind.COLD, EndKind.LOG_ENDS)), records=1881, last=1881
    ),
)
REAL_LOG_2018 = LogSample(
    "client-2018-System.evtx",
    known=KnownLog(
        (_RESTARTED, _RESTARTED, (StartKind.COLD, EndKind.UNKNOWN)),
        records=1160,
        last=1422,
        missing=(1156, 1417),
    ),
)
INCOMPLETE_LOGS = (INCOMPLETE_LOG, REAL_LOG_2018)
"""Records are missing in their last session."""
ORDERLY_LOGS = (RESTARTED_LOG, INCOMPLETE_LOG, REAL_LOG_2017, REAL_LOG_2018)
"""Every session but the last ended with a restart."""
SYSTEM_LOGS = (EVENTFUL_LOG, *ORDERLY_LOGS)

MADE_HIVE = Sample("made-SYSTEM.hive", made_system_hive_file)
REAL_HIVE = Sample("SYSTEM.hive")
SYSTEM_HIVES = (MADE_HIVE, REAL_HIVE)


class SampleFiles:
    """The files of samples, made when first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[LogSample, KnownLog] = {}

    def path(self, sample: Sample) -> Path:
        """The file; skips the test if it is a real one that is absent."""
        if sample.make is None:
            return _real(sample.name)
        path = self._directory / sample.name
        if not path.exists():
            path.write_bytes(sample.make())
        return path

    def log(self, sample: LogSample) -> LogFile:
        """A System log; skips the test if it is a real one that is absent."""
        if sample.make is None:
            assert sample.known is not None
            return LogFile(_real(sample.name), sample.known)
        path = self._directory / sample.name
        if sample not in self._known:
            made = sample.make()
            path.write_bytes(made.content)
            self._known[sample] = made.known
        return LogFile(path, self._known[sample])


def _real(name: str) -> Path:
    path = REAL_SAMPLES / name
    if not path.is_file():
        pytest.skip(f"there is no real {name} in {REAL_SAMPLES}")
    return path


@pytest.fixture(scope="session")
def sample_files(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    """The files of all samples."""
    return SampleFiles(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="session", params=SYSTEM_HIVES, ids=str)
def system_hive(request: pytest.FixtureRequest, sample_files: SampleFiles) -> Path:
    """A SYSTEM hive: a made one, then a real one."""
    return sample_files.path(request.param)


@pytest.fixture(scope="session", params=SYSTEM_LOGS, ids=str)
def system_log(request: pytest.FixtureRequest, sample_files: SampleFiles) -> LogFile:
    """A System log: made ones, then real ones."""
    return sample_files.log(request.param)
