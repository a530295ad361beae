"""S3, hibernation, fast startup and what the next boot makes of them."""

import errno

import pytest
from standin.boot_records import HYBRID_BOOT, RESUME
from standin.hibernation import FILE, HIBERBOOT_KEY, POLICY_SYSTEM, Hibernation
from standin.registry import RegistryType, RegistryValue
from standin.shutdown import ShutdownRequest
from standin.sleep import HIBERNATE

COLD = [12, 20, 27, 6009, 6005, 6013]
BACK = [107, 27]
FULL_STOP = [1074, 6006, 109, 13]


def set_button(system, index):
    system.power.set_scheme_value("SCHEME_CURRENT", "SUB_BUTTONS", "PBUTTONACTION", index)
    system.power.activate("SCHEME_CURRENT")


def dword(name, data):
    return RegistryValue(name, RegistryType.DWORD, data)


def field(system, event_id, name):
    return dict([e for e in system.event_log.events() if e.event_id == event_id][-1].data)[name]


def application(machine, name="C:\\t\\app.exe", **declaration):
    window = {"title": "Document", "visible": True}
    return machine.program(name, kind="application", window=window, **declaration)


def hibernate(machine):
    """Press a button that hibernates; the machine goes off."""
    set_button(machine.system, 2)
    machine.system.press_power_button()
    assert machine.ended() == HIBERNATE


# S3


def test_sleep_and_resume(machine):
    system = machine.boot()
    set_button(system, 1)
    before = machine.last_record()
    system.press_power_button()
    assert machine.hardware.calls == ["suspend"]
    assert machine.ids(before) == [42, 107]
    assert field(system, 42, "TargetState") == field(system, 107, "WakeFromState") == "4"
    assert field(system, 42, "Reason") == "0"
    system.press_power_button()
    assert field(system, 42, "TransitionsToOn") == "2"


def test_a_dark_display_is_on_after_the_wake(machine):
    system = machine.boot()
    desktop = bytes(machine.frame.pixels)
    system.screen.blank()
    assert system.suspend(hibernate=False)
    assert bytes(machine.frame.pixels) == desktop


def test_sleep_that_the_machine_refuses(machine):
    def refuse():
        raise OSError("no S3")

    system = machine.boot(suspend=refuse)
    set_button(system, 1)
    system.press_power_button()
    assert 107 not in machine.ids()
    assert any("no S3" in line for line in machine.log)


def test_power_lost_asleep_is_told_by_the_next_boot(machine):
    class Cut(Exception):
        pass

    def cut():
        raise Cut

    system = machine.boot(suspend=cut)
    set_button(system, 1)
    with pytest.raises(Cut):
        system.press_power_button()
    system = machine.boot(dirty=True)
    assert field(system, 41, "SleepInProgress") == "4"
    assert field(machine.boot(dirty=True), 41, "SleepInProgress") == "0"


def test_no_sleep_while_a_shutdown_is_held_up(machine):
    system = machine.boot()
    system.processes.start(application(machine, query_end_session="refuse"), [], 1)
    system.press_power_button()
    machine.clock.await_waiters(1)
    assert not system.suspend(hibernate=False)
    system.hibernation.enable()
    assert not system.suspend(hibernate=True)
    assert machine.hardware.calls == []
    assert 42 not in machine.ids()


# Hibernation


def test_hibernation_that_is_not_enabled_does_nothing(machine):
    system = machine.boot()
    set_button(system, 2)
    before = machine.last_record()
    system.press_power_button()
    assert machine.ids(before) == []
    assert system.wait(0) is None
    assert any("not enabled" in line for line in machine.log)


def test_a_hibernated_machine_comes_back_as_it_was(machine):
    system = machine.boot()
    system.hibernation.enable()
    said = {"write": "C:\\t\\%1.txt", "text": "said"}
    running = application(machine, run=[said])
    working = machine.program(
        "C:\\t\\worker.exe",
        kind="application",
        window={"title": "At work"},
        run=[{"wait_ms": 1000}, {"write": "C:\\t\\done.txt", "text": "done"}],
    )
    first = system.processes.start(running, ["a"], 1, "STANDIN\\tester")
    second = system.processes.start(working, [], 1, "STANDIN\\tester")
    machine.clock.until(lambda: first.run_finished)
    service = machine.program("C:\\t\\s.exe", kind="service", accepts=["stop"])
    system.services.create("Probe", service)
    system.services.start("Probe")
    system.services.stop("W32Time")
    system.console.lock()
    # Stored, but not in effect before the next activation or cold boot.
    system.power.set_scheme_value("SCHEME_CURRENT", "SUB_BUTTONS", "PBUTTONACTION", 2)
    system.power.activate("SCHEME_CURRENT")
    system.power.set_scheme_value("SCHEME_CURRENT", "SUB_BUTTONS", "PBUTTONACTION", 0)
    before = machine.last_record()
    system.press_power_button()
    assert machine.ended() == HIBERNATE
    assert machine.ids(before) == [42]
    assert field(system, 42, "TargetState") == "5"
    assert not any(machine.frame.pixels)
    machine.volume.path("C:\\t\\a.txt").unlink()

    before = machine.last_record()
    system = machine.boot()
    assert machine.ids(before) == BACK
    assert field(system, 27, "BootType") == str(RESUME)
    assert field(system, 107, "WakeFromState") == "5"
    assert (system.sessions.console_user, system.sessions.locked) == ("tester", True)
    assert system.power.power_button_action() == 2
    back = {p.path: p for p in system.processes.applications(1)}
    assert {p.pid for p in back.values()} == {first.pid, second.pid}
    assert back[running].arguments == ["a"]
    pids = [p.pid for p in system.processes.list()]
    assert len(set(pids)) == len(pids)
    # Its work was done before; that of the other was not.
    assert machine.read("C:\\t\\a.txt") is None
    machine.clock.await_waiters(1)
    machine.clock.advance(1)
    machine.clock.until(lambda: machine.read("C:\\t\\done.txt"))
    assert not system.services.get("Probe").stopped
    assert system.services.get("W32Time").stopped

    # The state is used up: a machine that loses power now starts cold.
    before = machine.last_record()
    machine.boot(dirty=True)
    assert 12 in machine.ids(before)
    assert 41 in machine.ids(before)


def test_an_orderly_stop_after_a_resume_leaves_nothing_behind(machine):
    machine.boot().hibernation.enable()
    hibernate(machine)
    before = machine.last_record()
    system = machine.boot()
    set_button(system, 3)
    system.press_power_button()
    assert machine.ended() == "power off"
    assert machine.ids(before) == BACK + FULL_STOP
    before = machine.last_record()
    machine.boot()
    assert machine.ids(before) == COLD


def test_a_damaged_state_starts_cold(machine):
    machine.boot().hibernation.enable()
    hibernate(machine)
    file = machine.volume.path(FILE)
    file.write_bytes(file.read_bytes().replace(b'"kind"', b"kind"))
    before = machine.last_record()
    machine.boot()
    assert machine.ids(before)[0] == 12


def test_a_disk_that_does_not_take_the_state_keeps_the_machine_on(machine, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    system = machine.boot()
    system.hibernation.enable()
    monkeypatch.setattr(Hibernation, "save", full)
    assert not system.suspend(hibernate=True)
    assert system.wait(0) is None


@pytest.mark.parametrize(("enabled", "slept"), [(False, ["suspend"]), (True, [])])
def test_set_suspend_state_hibernates_where_it_can(machine, enabled, slept):
    system = machine.boot()
    if enabled:
        system.hibernation.enable()
    system.suspend(hibernate=False)
    assert machine.hardware.calls == slept
    assert system.wait(0) == (HIBERNATE if enabled else None)
    assert field(system, 42, "Reason") == "4"


def test_switching_hibernation_reserves_and_frees_its_file(machine):
    system = machine.boot()
    file = machine.volume.path(FILE)
    assert not file.exists()
    system.hibernation.enable()
    size = file.stat().st_size
    hibernate(machine)
    assert file.stat().st_size == size
    machine.boot().hibernation.disable()
    assert not file.exists()
    assert not machine.system.hibernation.enabled


# Fast startup


def fast_startup(machine, *, hiberboot=1, policy=None):
    system = machine.boot()
    system.hibernation.enable()
    system.registry.set(HIBERBOOT_KEY, dword("HiberbootEnabled", hiberboot))
    if policy is not None:
        system.registry.set(POLICY_SYSTEM, dword("HiberbootEnabled", policy))
    return system


def test_a_hybrid_shutdown_ends_the_session_and_hibernates_the_rest(machine):
    system = fast_startup(machine)
    ends = application(machine, end_session=[{"write": "C:\\t\\end.txt", "text": "saved"}])
    system.processes.start(ends, [], 1)
    service = machine.program("C:\\t\\s.exe", kind="service", accepts=["shutdown"])
    system.services.create("Probe", service)
    pid = system.services.start("Probe").pid
    before = machine.last_record()
    system.request_shutdown(ShutdownRequest(hybrid=True))
    assert machine.ended() == HIBERNATE
    assert machine.ids(before) == [1074, 42]
    assert machine.read("C:\\t\\end.txt") == "saved"
    assert not system.services.get("Probe").stopped

    before = machine.last_record()
    system = machine.boot()
    assert machine.ids(before) == BACK
    assert field(system, 27, "BootType") == str(HYBRID_BOOT)
    assert system.sessions.console_user == "tester"
    assert system.processes.applications(1) == []
    assert system.services.get("Probe").pid == pid


@pytest.mark.parametrize(
    ("settings", "hybrid"),
    [
        ({"hiberboot": 1}, True),
        ({"hiberboot": 0}, False),
        ({"hiberboot": 1, "policy": 0}, False),
        ({"hiberboot": 0, "policy": 1}, True),
    ],
)
def test_the_button_asks_for_a_hybrid_shutdown(machine, settings, hybrid):
    fast_startup(machine, **settings).press_power_button()
    assert machine.ended() == (HIBERNATE if hybrid else "power off")


@pytest.mark.parametrize(("kind", "hybrid"), [("power off", False), ("restart", True)])
def test_other_shutdowns_are_full(machine, kind, hybrid):
    system = fast_startup(machine)
    before = machine.last_record()
    system.request_shutdown(ShutdownRequest(kind, hybrid=hybrid))
    assert machine.ended() == kind
    assert machine.ids(before) == FULL_STOP


def test_without_hibernation_there_is_no_fast_startup(machine):
    fast_startup(machine).hibernation.disable()
    machine.system.request_shutdown(ShutdownRequest(hybrid=True))
    assert machine.ended() == "power off"


def test_a_hybrid_shutdown_without_room_becomes_a_full_one(machine, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    fast_startup(machine)
    monkeypatch.setattr(Hibernation, "save", full)
    before = machine.last_record()
    machine.system.request_shutdown(ShutdownRequest(hybrid=True))
    assert machine.ended() == "power off"
    assert machine.ids(before)[-3:] == FULL_STOP[1:]
