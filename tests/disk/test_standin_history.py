"""The power history of a stand-in, from the bytes of the log that it writes itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from standin.eventlog import EVENTLOG, KERNEL_BOOT, KERNEL_GENERAL, KERNEL_POWER, LOG, USER32
from standin.eventlog import EventLog as StandinLog
from standin.setup import install
from standin.shutdown import RESTART, ShutdownRequest
from standin.volume import Volume

from powerdown.disk.history.power_history import power_history
from powerdown.disk.history.session_end import EndKind
from powerdown.disk.history.system_log import read_system_log
from powerdown.windows.event_records import EventRecord
from tests.support.modelled_machine import Machine
from tests.support.power_log import history_of, log_of

pytest.importorskip("evtx", reason="reading .evtx files needs the package evtx")

PROVIDERS = {p.name: p for p in (EVENTLOG, KERNEL_BOOT, KERNEL_GENERAL, KERNEL_POWER, USER32)}


class ToldTime:
    """A clock that says what it is told to."""

    def __init__(self) -> None:
        self.record: EventRecord | None = None

    def now(self) -> object:
        """The time of the record that is written next."""
        assert self.record is not None
        return self.record.created


def written(volume: Volume, records: list[EventRecord]) -> bytes:
    """A System log with these records."""
    clock = ToldTime()
    log = StandinLog(volume, clock, "PC")  # type: ignore[arg-type]
    for record in records:
        clock.record = record
        data = [(None if name.isdigit() else name, text) for name, text in record.data.items()]
        log.write(PROVIDERS[record.provider], record.event_id, data)
    return bytes(volume.path(LOG).read_bytes())


@pytest.mark.parametrize(
    "words",
    [
        "12 20 27 6009 6005 1074 6006 109 13",
        "6009 6005 12@-20 27@-20 42 [60] 107 1074 6006 [60] 6009 6005 109@-70 13@-70 12@-20",
        "6009 6005 [60] 6008 6009 6005 12@-20 41held@-20 [9] 6008 6005 12 41code",
        "12 6005 42save [9] 27resume 107 42fast [9] 27fast 107 1074again 1075 1073",
    ],
)
def test_what_is_written_is_read(tmp_path: Path, words: str) -> None:
    records = log_of(words)
    log = read_system_log(written(Volume(tmp_path), records))
    assert (log.damaged, log.notes, log.gaps) == (0, (), ())
    assert list(log.records) == records
    assert power_history(log) == history_of(words)


def test_a_log_of_many_chunks_is_read_whole(tmp_path: Path) -> None:
    records = log_of("6009 6005 12@-20 " + "[60] 1074 1075 " * 120)
    data = written(Volume(tmp_path), records)
    assert data.count(b"ElfChnk\0") > 1
    assert list(read_system_log(data).records) == records


End = Callable[[Machine], None]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with the default installation, not booted yet."""
    root = tmp_path / "c"
    root.mkdir()
    install(Volume(root))
    return Machine(root)


def press(machine: Machine) -> None:
    machine.system.press_power_button()
    machine.ended()


def restart(machine: Machine) -> None:
    machine.system.request_shutdown(ShutdownRequest(RESTART, comment="why"))
    machine.ended()


def cut(machine: Machine) -> None:
    """Nothing: it is not told."""


@pytest.mark.parametrize(
    ("ends", "kinds"),
    [
        ((press,), [EndKind.POWERED_OFF]),
        ((press, restart), [EndKind.POWERED_OFF, EndKind.RESTARTED]),
        ((cut, press), [EndKind.POWER_LOST, EndKind.POWERED_OFF]),
        ((press, cut, cut), [EndKind.POWERED_OFF, EndKind.POWER_LOST, EndKind.LOG_ENDS]),
    ],
)
def test_sessions_of_a_stand_in_end_as_they_were_ended(
    machine: Machine, ends: tuple[End, ...], kinds: list[EndKind]
) -> None:
    """Its clock begins anew at each start."""
    dirty = False
    for end in ends:
        machine.boot(dirty=dirty)
        end(machine)
        dirty = end is cut
    history = power_history(read_system_log(machine.volume.path(LOG).read_bytes()))
    assert [session.end.kind for session in history.sessions] == kinds
    for end, session in zip(ends, history.sessions, strict=True):
        assert (session.end.asked is not None) is (end is not cut)
        if end is press:
            assert session.end.asked is not None
            assert session.end.asked.may_be_button
