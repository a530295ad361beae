import pytest
from standin.registry import RegistryType, RegistryValue
from standin.shutdown import RESTART, ShutdownRequest
from standin.system import POLICY_SYSTEM

WINDOW = {"visible": True, "title": "Untitled - document"}
DESKTOP = r"HKCU\Control Panel\Desktop"


def start(machine, name="app", *, window=WINDOW, **declaration):
    """Start a declared application on the console's desktop."""
    path = machine.program(f"C:\\t\\{name}.exe", kind="application", window=window, **declaration)
    return machine.system.processes.start(path, [], 1, "STANDIN\\tester")


def set_text(system, name, text):
    system.registry.set(DESKTOP, RegistryValue(name, RegistryType.SZ, text))


def test_the_records_come_in_the_documented_order(machine):
    system = machine.boot()
    before = machine.last_record()
    system.press_power_button()
    assert machine.ended() == "power off"
    assert machine.ids(before) == [1074, 6006, 109, 13]


def test_what_the_button_leaves_in_the_log(machine):
    system = machine.boot()
    before = machine.last_record()
    system.press_power_button()
    machine.ended()
    first, _, kernel, stop = [e for e in system.event_log.events() if e.record_id > before]
    assert first.data == [
        ("param1", "C:\\Windows\\System32\\winlogon.exe (STANDIN)"),
        ("param2", "STANDIN"),
        ("param3", "No title for this reason could be found"),
        ("param4", "0x500ff"),
        ("param5", "power off"),
        ("param6", ""),
        ("param7", "STANDIN\\tester"),
    ]
    assert kernel.data == [
        ("ShutdownActionType", "6"),
        ("ShutdownEventCode", "0"),
        ("ShutdownReason", "5"),
    ]
    assert stop.data == [("StopTime", "2026-03-01T09:30:00.0000000Z")]


def test_a_restart(machine):
    system = machine.boot()
    before = machine.last_record()
    answer = system.request_shutdown(ShutdownRequest(RESTART, comment="why"))
    assert answer == (True, 0)
    assert machine.ended() == "restart"
    first, _, kernel, _ = [e for e in system.event_log.events() if e.record_id > before]
    assert dict(first.data)["param4"] == "0x800000ff"
    assert dict(first.data)["param5"] == "restart"
    assert dict(first.data)["param6"] == "why"
    assert dict(kernel.data)["ShutdownActionType"] == "5"


def test_shutdown_exe_says_shutdown(machine):
    system = machine.boot()
    system.request_shutdown(ShutdownRequest())
    machine.ended()
    (first,) = [e for e in system.event_log.events() if e.event_id == 1074]
    assert dict(first.data)["param1"] == "C:\\Windows\\system32\\shutdown.exe (STANDIN)"
    assert dict(first.data)["param5"] == "shutdown"


def test_an_agreeing_application_saves_and_ends(machine):
    system = machine.boot()
    start(machine, end_session=[{"write": "C:\\Users\\tester\\Documents\\d.txt", "text": "saved"}])
    system.press_power_button()
    assert machine.ended() == "power off"
    assert machine.read("C:\\Users\\tester\\Documents\\d.txt") == "saved"


def test_a_refusing_application_blocks_and_later_presses_are_refused(machine):
    system = machine.boot()
    process = start(machine, query_end_session="refuse")
    before = machine.last_record()
    system.press_power_button()
    machine.clock.await_waiters(1)
    assert system.screen.scene == "blocking"
    assert system.shutdown.blocked_by is process
    machine.clock.advance(3600)
    machine.clock.await_waiters(1)
    system.press_power_button()
    assert system.request_shutdown(ShutdownRequest(forced=True)) == (False, 1115)
    assert not system.abort_shutdown()
    assert machine.ids(before) == [1074]
    assert any("1115" in line for line in machine.log)
    assert system.services.get("WinRM").state.name == "RUNNING"
    # A person ends the program: the shutdown goes on.
    system.processes.kill(process.pid)
    assert machine.ended() == "power off"
    assert machine.ids(before) == [1074, 6006, 109, 13]


def test_a_hung_application_gets_its_time_first(machine):
    system = machine.boot()
    process = start(machine, query_end_session="hang")
    system.press_power_button()
    machine.clock.await_waiters(1)
    assert system.screen.scene == "shutting down"
    machine.clock.advance(5)
    machine.clock.until(lambda: system.screen.scene == "blocking")
    machine.clock.await_waiters(1)
    assert process.alive


@pytest.mark.parametrize("answer", ["refuse", "hang"])
def test_a_forced_request_does_not_ask(machine, answer):
    system = machine.boot()
    process = start(machine, query_end_session=answer)
    system.request_shutdown(ShutdownRequest(forced=True))
    if answer == "hang":
        machine.clock.await_waiters(1)
        machine.clock.advance(5)
    assert machine.ended() == "power off"
    assert process.exit_code == 1


@pytest.mark.parametrize("answer", ["refuse", "hang"])
def test_auto_end_tasks_counts_from_the_next_logon(machine, answer):
    set_text(machine.boot(), "AutoEndTasks", "1")
    assert not machine.system.desktop.auto_end_tasks
    set_text(machine.system, "HungAppTimeout", "1000")
    system = machine.boot()
    start(machine, query_end_session=answer)
    system.press_power_button()
    machine.clock.await_waiters(1)
    assert system.shutdown.blocked_by is None
    machine.clock.advance(1)
    assert machine.ended() == "power off"


@pytest.mark.parametrize(
    ("policy", "window", "blocks"),
    [(None, WINDOW, True), (None, {"visible": False}, False), (None, None, False),
     (1, {"visible": False}, True)],
)  # fmt: skip
def test_only_visible_windows_block_unless_policy_lets_others(machine, policy, window, blocks):
    system = machine.boot()
    if policy is not None:
        value = RegistryValue("AllowBlockingAppsAtShutdown", RegistryType.DWORD, policy)
        system.registry.set(POLICY_SYSTEM, value)
    # Without a window a program ends with its work; this one has work for ever.
    process = start(
        machine, window=window, query_end_session="refuse", run=[{"wait_ms": 4_000_000_000}]
    )
    machine.clock.await_waiters(1)
    system.press_power_button()
    if blocks:
        machine.clock.await_waiters(2)
        assert system.shutdown.blocked_by is process
    else:
        assert machine.ended() == "power off"


def test_programs_of_other_sessions_do_not_block(machine):
    system = machine.boot()
    path = machine.program(kind="application", window=WINDOW, query_end_session="refuse")
    system.processes.start(path, [], 0)
    system.press_power_button()
    assert machine.ended() == "power off"


def test_a_delayed_shutdown_can_be_aborted_and_asked_for_again(machine):
    system = machine.boot()
    before = machine.last_record()
    assert system.request_shutdown(ShutdownRequest(delay=30, forced=True)).accepted
    machine.clock.await_waiters(1)
    assert system.request_shutdown(ShutdownRequest()) == (False, 1190)
    machine.clock.advance(29)
    assert system.abort_shutdown("STANDIN\\tester")
    machine.clock.await_waiters(0)
    assert not system.abort_shutdown()
    assert machine.ids(before) == [1074, 1075]
    assert system.event_log.events()[-1].data == [
        ("param1", "STANDIN"),
        ("param2", "STANDIN\\tester"),
    ]
    assert system.wait(0) is None
    system.request_shutdown(ShutdownRequest(delay=30))
    machine.clock.await_waiters(1)
    machine.clock.advance(30)
    assert machine.ended() == "power off"


def test_phases_follow_one_another(machine):
    """Application, then preshutdown with its own timeout, then the bounded phase, then the log."""
    system = machine.boot()
    services = system.services
    for name, controls, extra in (
        ("Early", ["preshutdown"], {"preshutdown": [{"wait_ms": 3_600_000}]}),
        ("Late", ["shutdown"], {"on_stop": "ignore"}),
    ):
        path = machine.program(f"C:\\t\\{name}.exe", kind="service", accepts=controls, **extra)
        services.create(name, path, display_name=name)
        services.start(name)
    process = start(machine, query_end_session="hang")
    set_text(system, "AutoEndTasks", "1")
    before = machine.last_record()
    system.press_power_button()
    machine.clock.await_waiters(1)
    machine.clock.advance(5)
    machine.clock.until(lambda: system.screen.scene == "blocking")
    assert services.get("Early").state.name == "RUNNING"
    system.processes.kill(process.pid)
    machine.clock.until(lambda: services.get("Early").state.name == "STOP_PENDING")
    assert services.get("WinRM").state.name == "RUNNING"
    # The manager and the work of Early.
    machine.clock.await_waiters(2)
    machine.clock.advance(10)
    machine.clock.until(lambda: services.get("WinRM").stopped)
    assert services.get("Late").state.name == "RUNNING"
    machine.clock.await_waiters(2)
    machine.clock.advance(5)
    assert machine.ended() == "power off"
    assert machine.ids(before) == [1074, 7043, 6006, 109, 13]


def test_a_broken_model_does_not_hang(machine, monkeypatch):
    system = machine.boot()

    def broken():
        raise RuntimeError("bug")

    monkeypatch.setattr(system.services, "preshutdown", broken)
    monkeypatch.setattr("threading.excepthook", lambda arguments: None)
    system.press_power_button()
    with pytest.raises(RuntimeError, match="bug"):
        system.wait()


def test_there_are_two_kinds_only():
    with pytest.raises(ValueError, match="hibernate"):
        ShutdownRequest("hibernate")
