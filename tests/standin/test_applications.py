"""How the console session's programs are ended: the rules of WM_QUERYENDSESSION and csrss."""

import pytest
from standin.keyboard import ALT_F4, ENTER, ESC
from standin.registry import RegistryType, RegistryValue
from standin.shutdown import RESTART, ShutdownRequest
from standin.system import POLICY_SYSTEM

WINDOW = {"visible": True, "title": "Untitled - document"}
HIDDEN = {"visible": False, "title": "Hidden"}


def start(machine, name="app", *arguments, window=WINDOW, **declaration):
    """Start a declared application in the console session."""
    if window is not None:
        declaration["window"] = window
    path = machine.program(f"C:\\t\\{name}.exe", kind="application", **declaration)
    return machine.system.processes.start(path, arguments, 1, "STANDIN\\tester")


def console_program(machine, on_close):
    return start(machine, "console", window=None, console=True, on_console_close=on_close)


def let_apps_block(system):
    value = RegistryValue("AllowBlockingAppsAtShutdown", RegistryType.DWORD, 1)
    system.registry.set(POLICY_SYSTEM, value)


def blocked(machine):
    machine.clock.until(lambda: machine.system.screen.scene == "blocking", lambda: machine.log)
    machine.clock.await_waiters(1)
    return machine.system.shutdown.blocked_by


def test_the_reason_stands_on_the_blocking_screen(machine, monkeypatch):
    system = machine.boot()
    start(machine, "a", "a disc", query_end_session="refuse", block_reason="Burning %1.")
    start(machine, "b", query_end_session="hang")
    start(machine, "c")
    shown = []
    monkeypatch.setattr(system.screen, "blocking", lambda *what: shown.append(what))
    system.press_power_button()
    machine.clock.await_waiters(1)
    title = "Untitled - document"
    assert shown == [([(title, "Burning a disc."), (title, None)], "shutting down")]


def test_who_is_asked_after_the_blocking_program_runs_on_meanwhile(machine):
    system = machine.boot()
    first = start(machine, "first", end_session=[{"write": "C:\\first", "text": "saved"}])
    refuser = start(machine, "refuser", query_end_session="refuse")
    last = start(machine, "last", end_session=[{"write": "C:\\last", "text": "saved"}])
    system.press_power_button()
    assert blocked(machine) is refuser
    assert (first.alive, last.alive) == (False, True)
    assert (machine.read("C:\\first"), machine.read("C:\\last")) == ("saved", None)
    system.processes.kill(refuser.pid)
    assert machine.ended() == "power off"
    assert machine.read("C:\\last") == "saved"


def test_two_programs_that_refuse_are_waited_for_one_after_the_other(machine):
    system = machine.boot()
    programs = [start(machine, name, query_end_session="refuse") for name in "ab"]
    system.press_power_button()
    for program in programs:
        machine.clock.until(lambda p=program: system.shutdown.blocked_by is p)
        machine.clock.await_waiters(1)
        system.processes.kill(program.pid)
    assert machine.ended() == "power off"


def test_a_hung_program_that_ends_in_its_time_does_not_block(machine):
    system = machine.boot()
    process = start(machine, query_end_session="hang")
    system.press_power_button()
    machine.clock.await_waiters(1)
    machine.clock.advance(4)
    system.processes.kill(process.pid)
    assert machine.ended() == "power off"


def test_a_hidden_window_is_ended_and_so_is_a_hung_one_after_its_time(machine):
    system = machine.boot()
    refuser = start(machine, "refuser", window=HIDDEN, query_end_session="refuse")
    hanger = start(machine, "hanger", window=HIDDEN, query_end_session="hang")
    system.press_power_button()
    machine.clock.await_waiters(1)
    assert (refuser.exit_code, hanger.alive) == (1, True)
    machine.clock.advance(5)
    assert machine.ended() == "power off"
    assert hanger.exit_code == 1


def test_a_reason_does_not_make_a_hidden_window_block(machine):
    system = machine.boot()
    start(machine, window=HIDDEN, query_end_session="refuse", block_reason="Important.")
    system.press_power_button()
    assert machine.ended() == "power off"


def test_a_console_program_that_lets_itself_be_closed(machine):
    system = machine.boot()
    process = console_program(machine, "exit")
    assert process.alive
    system.press_power_button()
    assert machine.ended() == "power off"
    assert process.exit_code == 0xC000013A


@pytest.mark.parametrize(("policy", "forced"), [(False, False), (True, False), (True, True)])
def test_a_console_program_that_ignores_its_closing(machine, policy, forced):
    system = machine.boot()
    process = console_program(machine, "ignore")
    if policy:
        let_apps_block(system)
    system.request_shutdown(ShutdownRequest(forced=forced))
    machine.clock.await_waiters(1)
    assert system.screen.scene == "shutting down"
    machine.clock.advance(4.9)
    machine.clock.await_waiters(1)
    assert process.alive
    machine.clock.advance(0.1)
    if policy and not forced:
        assert blocked(machine) is process
        system.processes.kill(process.pid)
    assert machine.ended() == "power off"
    assert process.exit_code == 1


def test_esc_on_the_blocking_screen_cancels_and_the_next_press_is_a_new_attempt(machine):
    system = machine.boot()
    process = start(machine, query_end_session="refuse")
    system.press_power_button()
    blocked(machine)
    before = machine.last_record()
    system.console.chord(ENTER)
    machine.clock.await_waiters(1)
    assert system.screen.scene == "blocking"
    system.console.chord(ESC)
    machine.clock.until(lambda: system.shutdown is None)
    machine.clock.until(lambda: system.screen.scene == "desktop")
    assert process.alive
    assert machine.ids(before) == [1073]
    assert system.event_log.events()[-1].data == [
        ("param1", "STANDIN"),
        ("param2", "STANDIN\\tester"),
    ]
    assert system.sessions.console_user == "tester"
    assert system.wait(0) is None
    system.processes.kill(process.pid)
    system.press_power_button()
    assert machine.ended() == "power off"


def test_keys_before_the_blocking_screen_cancel_nothing(machine):
    system = machine.boot()
    start(machine, end_session=[{"wait_ms": 4000}])
    system.press_power_button()
    machine.clock.await_waiters(2)
    for chord in (ESC, ENTER, ALT_F4):
        system.console.chord(chord)
    machine.clock.advance(4)
    assert machine.ended() == "power off"


def test_a_restart_blocks_as_a_restart(machine):
    system = machine.boot()
    process = start(machine, query_end_session="refuse")
    assert system.request_shutdown(ShutdownRequest(RESTART)).accepted
    assert blocked(machine) is process
    system.processes.kill(process.pid)
    assert machine.ended() == "restart"


def slow_to_end(machine, seconds, **more):
    """A program that agrees, and saves when so many seconds have passed."""
    last = [{"wait_ms": seconds * 1000}, {"write": "C:\\d", "text": "saved"}]
    return start(machine, end_session=last, **more)


def desktop(machine, **values):
    """A machine whose user logged on with these values."""
    registry = machine.boot().registry
    for name, text in values.items():
        value = RegistryValue(name, RegistryType.SZ, text)
        registry.set(r"HKCU\Control Panel\Desktop", value)
    return machine.boot()


def test_one_that_takes_longer_than_its_time_to_end_blocks_until_it_is_done(machine):
    system = machine.boot()
    process = slow_to_end(machine, 12)
    system.press_power_button()
    machine.clock.await_waiters(2)
    machine.clock.advance(4.9)
    machine.clock.await_waiters(2)
    assert system.screen.scene == "shutting down"
    machine.clock.advance(0.1)
    machine.clock.until(lambda: system.screen.scene == "blocking")
    machine.clock.await_waiters(2)
    assert system.shutdown.blocked_by is process
    machine.clock.advance(7)
    assert machine.ended() == "power off"
    assert (process.exit_code, machine.read("C:\\d")) == (0, "saved")


def test_esc_while_it_still_ends_cancels(machine):
    system = machine.boot()
    process = slow_to_end(machine, 12)
    system.press_power_button()
    machine.clock.await_waiters(2)
    machine.clock.advance(5)
    machine.clock.until(lambda: system.screen.scene == "blocking")
    machine.clock.await_waiters(2)
    system.console.chord(ESC)
    machine.clock.until(lambda: system.shutdown is None)
    assert process.alive


@pytest.mark.parametrize(("seconds", "ended"), [(12, False), (40, True)])
def test_auto_end_tasks_ends_one_that_agreed_after_its_own_time(machine, seconds, ended):
    system = desktop(machine, AutoEndTasks="1", WaitToKillAppTimeout="30000")
    process = slow_to_end(machine, seconds)
    system.press_power_button()
    machine.clock.await_waiters(2)
    machine.clock.advance(11.9)
    machine.clock.await_waiters(2)
    assert (process.alive, system.screen.scene) == (True, "shutting down")
    machine.clock.advance(18.1 if ended else 0.1)
    assert machine.ended() == "power off"
    assert process.exit_code == int(ended)
    assert machine.read("C:\\d") == (None if ended else "saved")


@pytest.mark.parametrize("way", ["no visible window", "forced"])
def test_one_that_may_not_block_has_the_time_of_a_hung_one(machine, way):
    system = desktop(machine, WaitToKillAppTimeout="300000")
    process = slow_to_end(machine, 12, window=HIDDEN if way == "no visible window" else WINDOW)
    system.request_shutdown(ShutdownRequest(forced=way == "forced"))
    machine.clock.await_waiters(2)
    machine.clock.advance(4.9)
    machine.clock.await_waiters(2)
    assert process.alive
    machine.clock.advance(0.1)
    assert machine.ended() == "power off"
    assert (process.exit_code, machine.read("C:\\d")) == (1, None)


def test_auto_end_tasks_does_not_touch_who_agrees_in_time(machine):
    system = desktop(machine, AutoEndTasks="1")
    start(machine, end_session=[{"wait_ms": 10_000}, {"write": "C:\\d", "text": "saved"}])
    system.press_power_button()
    machine.clock.await_waiters(2)
    machine.clock.advance(10)
    assert machine.ended() == "power off"
    assert machine.read("C:\\d") == "saved"


def test_a_program_may_abort_a_scheduled_shutdown_but_none_that_runs(machine):
    system = machine.boot()
    path = machine.program(
        "C:\\t\\aborter.exe",
        kind="service",
        accepts=["stop"],
        run=[{"forever": [{"abort_shutdown": True}, {"wait_ms": 200}]}],
    )
    system.services.create("Aborter", path)
    system.services.start("Aborter")
    machine.clock.await_waiters(1)
    before = machine.last_record()
    assert system.request_shutdown(ShutdownRequest(delay=5)).accepted
    machine.clock.await_waiters(2)
    machine.clock.advance(0.2)
    machine.clock.until(lambda: system.shutdown is None)
    assert machine.ids(before) == [1074, 1075]
    # Without a delay there is nothing to abort.
    refuser = start(machine, query_end_session="refuse")
    system.press_power_button()
    machine.clock.until(lambda: system.shutdown is not None and system.shutdown.blocked_by)
    machine.clock.await_waiters(2)
    machine.clock.advance(0.2)
    machine.clock.await_waiters(2)
    assert system.shutdown.blocked_by is refuser
    system.services.stop("Aborter")
    system.processes.kill(refuser.pid)
    assert machine.ended() == "power off"
