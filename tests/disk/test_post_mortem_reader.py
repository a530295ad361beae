"""Reading a dead guest's disk, whatever is on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError, HostError
from powerdown.disk import post_mortem_reader
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.history.system_log import SystemLog
from powerdown.disk.ntfs.ntfs import NtfsVolumeState
from powerdown.disk.post_mortem_reader import PostMortemReader
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.images.image import DiskFormat
from powerdown.shutdown.observation import Observation
from powerdown.shutdown.post_mortem import PostMortem
from powerdown.windows.event_records import EventRecord
from tests.support.observations import obs, powered_off

TERMINATED = EventRecord(9, "EventLog", 6006, datetime(2026, 3, 1, tzinfo=UTC), {})
OTHER = replace(TERMINATED, record_id=10, provider="Printer", event_id=5)
OVERLAY = Path("overlay.qcow2")
CONTENTS = DiskContents(
    NtfsVolumeState(dirty=True, version=(3, 1), flags=1),
    Hibernation.RESUMED,
    RegistrySnapshot({}),
    SystemLog((TERMINATED, OTHER), damaged=1, notes=("a damaged chunk",)),
)


@dataclass
class Dead:
    """What is left of a machine."""

    overlay: Path = OVERLAY


@dataclass
class FakeReader:
    """Answers with a value, or raises one."""

    answer: DiskContents | Exception
    asked: DiskRequest | None = None
    closed: bool = False

    def read_disk(
        self, path: Path, format: DiskFormat, request: DiskRequest, deadline: Deadline
    ) -> DiskContents:
        assert (path, format) == (OVERLAY, DiskFormat.QCOW2)
        self.asked = request
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[DiskContents | Exception], FakeReader]:
    def install(answer: DiskContents | Exception) -> FakeReader:
        reader = FakeReader(answer)
        monkeypatch.setattr(post_mortem_reader, "DiskReader", lambda: reader)
        return reader

    return install


Reads = Callable[[DiskContents | Exception], FakeReader]


def examined(observation: Observation) -> PostMortem | None:
    return PostMortemReader().examine(observation, Dead()).post_mortem  # type: ignore[arg-type]


def test_what_is_on_the_disk(reads: Reads) -> None:
    reader = reads(CONTENTS)
    found = examined(powered_off(105))
    assert found is not None
    assert (found.records, found.volume_dirty, found.hibernated) == ((TERMINATED,), True, False)
    assert found.notes == ("post-mortem: a damaged chunk",)
    assert reader.asked == DiskRequest(system_log=True, log_after=7)


def test_without_a_baseline_the_whole_log_is_read(reads: Reads) -> None:
    reader = reads(CONTENTS)
    examined(powered_off(105, baseline=None))
    assert reader.asked == DiskRequest(system_log=True, log_after=0)


def test_a_disk_that_qemu_still_has_is_left_alone(reads: Reads) -> None:
    reader = reads(CONTENTS)
    assert examined(obs()) is None
    assert reader.asked is None


def test_what_is_not_known_of_hibernation_is_not_said(reads: Reads) -> None:
    reads(replace(CONTENTS, hibernation=Hibernation.UNKNOWN, log=None, notes=("no log",)))
    found = examined(powered_off(105))
    assert found is not None
    assert (found.hibernated, found.records, found.notes) == (None, None, ("post-mortem: no log",))


def test_a_disk_that_cannot_be_read_is_a_note(reads: Reads) -> None:
    reads(DiskError("read it", "it is none", "Look."))
    found = examined(powered_off(105))
    assert found is not None
    assert found.records is None
    assert found.notes == ("post-mortem: could not read it: it is none. Look.",)


def test_so_is_a_reader_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise HostError("start it", "no memory", "Get some.")

    monkeypatch.setattr(post_mortem_reader, "DiskReader", missing)
    found = examined(powered_off(105))
    assert found is not None
    assert found.notes == ("post-mortem: could not start it: no memory. Get some.",)


def test_it_lets_go_of_its_reader(reads: Reads) -> None:
    reader = reads(CONTENTS)
    PostMortemReader().close()
    assert reader.closed
