"""A volume without room: what is lost, what is refused, and that the machine still stops."""

import errno
import os
import stat

import pytest
from standin.clock import Clock
from standin.eventlog import EVENTLOG, LOG, EventLog
from standin.registry import RegistryType, RegistryValue


@pytest.fixture
def fill(monkeypatch):
    """Call it: from then on no file of this process grows any more."""
    real = os.pwrite, os.write

    def grown(fd, size):
        if os.fstat(fd).st_size < size:
            raise OSError(errno.ENOSPC, "full")

    def pwrite(fd, data, at):
        grown(fd, at + len(data))
        return real[0](fd, data, at)

    def write(fd, data):
        if stat.S_ISREG(os.fstat(fd).st_mode):
            grown(fd, os.lseek(fd, 0, os.SEEK_CUR) + len(data))
        return real[1](fd, data)

    def allocate(fd, at, size):
        grown(fd, at + size)

    def full():
        monkeypatch.setattr(os, "pwrite", pwrite)
        monkeypatch.setattr(os, "write", write)
        monkeypatch.setattr(os, "posix_fallocate", allocate)

    return full


def test_the_machine_stops_orderly_and_the_log_has_it(machine, fill):
    system = machine.boot()
    fill()
    before = machine.last_record()
    system.press_power_button()
    assert machine.ended() == "power off"
    assert machine.ids(before) == [1074, 6006, 109, 13]
    before = machine.last_record()
    machine.boot()
    assert 41 not in machine.ids(before)


def test_records_that_the_log_has_no_room_for_are_lost(volume, fill):
    log = EventLog(volume, Clock(), "STANDIN")
    log.write(EVENTLOG, 6005, [])
    fill()
    for _ in range(40):
        log.write(EVENTLOG, 6013, [(None, "x" * 3000)])
    kept = log.events()
    assert 10 < len(kept) < 41
    assert log.lost == 41 - len(kept)
    assert EventLog(volume, Clock(), "STANDIN").events() == kept
    # A shorter one still fits, and takes the next number.
    assert log.write(EVENTLOG, 6006, []) == log.events()[-1]
    assert log.events()[-1].record_id == len(kept) + 1


def test_a_registry_write_goes_to_the_disk_when_there_is_room_again(machine, monkeypatch):
    registry = machine.boot().registry
    key = r"HKLM\SOFTWARE\T"
    with monkeypatch.context() as patch:
        patch.setattr("standin.hive._is_whole", lambda data: False)
        registry.set(key, RegistryValue("a", RegistryType.DWORD, 1))
    assert registry.dword(key, "a") == 1
    registry.set(key, RegistryValue("b", RegistryType.DWORD, 2))
    again = machine.boot().registry
    assert (again.dword(key, "a"), again.dword(key, "b")) == (1, 2)


def test_the_log_takes_its_room_in_chunks(volume):
    EventLog(volume, Clock(), "STANDIN").write(EVENTLOG, 6005, [])
    assert volume.path(LOG).stat().st_size == 4096 + 64 * 1024
