"""Crashes by keyboard, and the end of a process that the machine cannot do without."""

import threading

import pytest
from standin.eventlog import USER32
from standin.registry import RegistryType, RegistryValue

SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"


def allow_crash(machine, driver):
    key = f"{SERVICES}\\{driver}\\Parameters"
    machine.system.registry.set(key, RegistryValue("CrashOnCtrlScroll", RegistryType.DWORD, 1))


@pytest.mark.parametrize("driver", ["i8042prt", "kbdhid"])
def test_the_crash_keys_work_after_the_next_boot(machine, driver):
    machine.boot()
    allow_crash(machine, driver)
    machine.system.manual_crash()
    assert machine.hardware.calls == []
    system = machine.boot(dirty=True)
    before = machine.last_record()
    system.screen.blank()
    threading.Thread(target=system.manual_crash, daemon=True).start()
    machine.clock.await_waiters(1)
    # The stop screen is there before the kernel stops, on a dark display too.
    assert (system.screen.scene, system.screen.visible) == ("stop", True)
    assert machine.hardware.calls == []
    machine.clock.advance(1)
    machine.clock.until(lambda: machine.hardware.calls == ["panic"])
    assert machine.ids(before) == []
    before = machine.last_record()
    machine.boot(dirty=True)
    lost = next(e for e in machine.system.event_log.events() if e.record_id > before + 3)
    assert lost.event_id == 41
    assert dict(lost.data)["BugcheckCode"] == "0"


def test_without_the_setting_the_keys_do_nothing(machine):
    system = machine.boot()
    system.manual_crash()
    assert machine.hardware.calls == []
    assert system.screen.scene == "desktop"


def kill(system, name):
    (process,) = [p for p in system.processes.list() if p.name == name]
    system.processes.kill(process.pid)


def test_a_machine_without_lsass_restarts_after_a_minute(machine):
    system = machine.boot()
    # It is no application's to refuse.
    window = {"title": "x"}
    path = machine.program(kind="application", window=window, query_end_session="refuse")
    system.processes.start(path, [], 1)
    kill(system, "lsass.exe")
    (record,) = [e for e in system.event_log.events() if e.provider == USER32]
    data = dict(record.data)
    assert record.event_id == 1074
    assert "wininit.exe" in data["param1"]
    assert (data["param4"], data["param5"]) == ("0x50006", "restart")
    assert "lsass.exe' terminated unexpectedly" in data["param6"]
    machine.clock.await_waiters(1)
    machine.clock.advance(59)
    assert system.shutdown.pending
    machine.clock.advance(1)
    assert machine.ended() == "restart"


def test_the_restart_after_the_end_of_lsass_can_be_aborted(machine):
    system = machine.boot()
    kill(system, "lsass.exe")
    assert system.abort_shutdown()
    assert system.shutdown is None
