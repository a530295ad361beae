"""What a person sees and does at the console: dialogs, keys, locking, logging off."""

import pytest
from standin.keyboard import ALT_F4, ENTER, ESC
from standin.logon import POLICIES_SYSTEM, PRODUCT_OPTIONS
from standin.registry import RegistryType, RegistryValue
from standin.shutdown import ShutdownRequest
from standin.tracker import POLICY, RELIABILITY

WINDOW = {"visible": True, "title": "Untitled - document"}


def tracker(system, on):
    system.registry.set(POLICY, RegistryValue("ShutdownReasonOn", RegistryType.DWORD, int(on)))


def start(machine, session=1, **declaration):
    path = machine.program(kind="application", window=WINDOW, **declaration)
    return machine.system.processes.start(path, [], session, "STANDIN\\tester")


def session_processes(system):
    own = {"explorer.exe", "LogonUI.exe"}
    return sorted(p.name for p in system.processes.list() if p.session_id == 1 and p.name in own)


def pixels(machine):
    return bytes(machine.frame.pixels)


# Shut Down Windows, with and without the tracker


def test_a_dialog_of_the_tracker_holds_every_shutdown(machine):
    system = machine.boot()
    desktop = pixels(machine)
    system.console.chord(ALT_F4)
    assert system.screen.scene == "dialog"
    assert system.console.dialog.title == "Shut Down Windows"
    assert pixels(machine) != desktop
    before = machine.last_record()
    system.press_power_button()
    assert system.shutdown is None
    assert machine.ids(before) == []
    assert any("refused with error 1115" in line for line in machine.log)
    assert system.request_shutdown(ShutdownRequest(forced=True)) == (False, 1115)
    # A person gives it up: the next press counts.
    system.console.chord(ESC)
    assert pixels(machine) == desktop
    system.press_power_button()
    assert machine.ended() == "power off"


def test_the_policy_counts_for_the_next_dialog_and_closing_frees_the_button(machine):
    system = machine.boot()
    system.console.chord(ALT_F4)
    tracker(system, on=False)
    system.press_power_button()
    assert system.shutdown is None
    (shell,) = [p for p in system.processes.list() if p.name == "explorer.exe"]
    system.processes.kill(shell.pid)
    assert system.console.dialog is None
    assert system.screen.scene == "desktop"
    system.press_power_button()
    assert machine.ended() == "power off"


def test_without_the_tracker_an_open_dialog_holds_nothing(machine):
    system = machine.boot()
    tracker(system, on=False)
    system.console.chord(ALT_F4)
    assert system.screen.scene == "dialog"
    system.press_power_button()
    assert machine.ended() == "power off"


@pytest.mark.parametrize("on", [True, False])
def test_the_tracker_alone_holds_nothing(machine, on):
    system = machine.boot()
    tracker(system, on)
    system.press_power_button()
    assert machine.ended() == "power off"


def test_enter_shuts_down_as_explorer(machine):
    system = machine.boot()
    before = machine.last_record()
    system.console.chord(ALT_F4)
    system.console.chord(ENTER)
    assert machine.ended() == "power off"
    first = next(e for e in system.event_log.events() if e.record_id > before)
    data = dict(first.data)
    assert first.event_id == 1074
    assert data["param1"] == "C:\\Windows\\Explorer.EXE (STANDIN)"
    assert data["param3"] == "Other (Unplanned)"
    assert (data["param4"], data["param5"]) == ("0x0", "power off")
    assert data["param7"] == "STANDIN\\tester"


@pytest.mark.parametrize("how", ["window", "no shell", "locked", "logon screen"])
def test_where_alt_f4_opens_no_dialog(machine, how):
    system = machine.boot()
    if how == "window":
        start(machine)
    elif how == "no shell":
        (shell,) = [p for p in system.processes.list() if p.name == "explorer.exe"]
        system.processes.kill(shell.pid)
    elif how == "locked":
        system.console.lock()
    else:
        log_off(machine)
    system.console.chord(ALT_F4)
    assert system.console.dialog is None


def test_a_window_that_cannot_be_seen_is_not_in_front(machine):
    system = machine.boot()
    path = machine.program(kind="application", window={"visible": False, "title": "x"})
    system.processes.start(path, [], 1, "STANDIN\\tester")
    start(machine, session=0)
    system.console.chord(ALT_F4)
    assert system.console.dialog is not None


def test_a_locked_console_keeps_its_dialog(machine):
    system = machine.boot()
    system.console.chord(ALT_F4)
    system.console.lock()
    for chord in (ESC, ENTER):
        system.console.chord(chord)
    system.press_power_button()
    assert system.shutdown is None


# The question after an unplanned stop


def crash_and_boot(machine):
    """A second boot after a stop that was not orderly."""
    machine.boot()
    return machine.boot(dirty=True)


def unplanned(system):
    return system.console.dialog is not None


def test_the_question_after_an_unclean_stop_does_not_hold_a_press(machine):
    system = crash_and_boot(machine)
    assert system.console.dialog.title == "Shutdown Event Tracker"
    assert system.screen.scene == "dialog"
    system.press_power_button()
    assert machine.ended() == "power off"
    # Nobody has answered: it comes again, though this stop was a good one.
    assert unplanned(machine.boot())


def test_its_answer_is_1076_and_it_does_not_come_again(machine):
    system = crash_and_boot(machine)
    before = machine.last_record()
    system.console.chord(ENTER)
    assert machine.ids(before) == [1076]
    event = system.event_log.events()[-1]
    assert (event.provider.name, event.level) == ("User32", 3)
    assert dict(event.data)["param6"] == "STANDIN\\tester"
    assert dict(event.data)["param1"] == "Other (Unplanned)"
    assert system.screen.scene == "desktop"
    system.press_power_button()
    machine.ended()
    assert not unplanned(machine.boot())


def test_a_question_that_is_put_aside_comes_again(machine):
    system = crash_and_boot(machine)
    system.console.chord(ESC)
    assert not unplanned(system)
    assert 1076 not in machine.ids()
    # Keys go to it first, then to the desktop.
    system.console.chord(ALT_F4)
    assert system.console.dialog.title == "Shut Down Windows"
    system.console.chord(ENTER)
    machine.ended()
    assert unplanned(machine.boot())


def test_no_question_where_the_tracker_is_off_or_the_stop_was_good(machine):
    system = machine.boot()
    tracker(system, on=False)
    assert not unplanned(machine.boot(dirty=True))
    tracker(machine.system, on=True)
    machine.system.registry.delete_value(RELIABILITY, "DirtyShutdown")
    machine.system.press_power_button()
    machine.ended()
    assert not unplanned(machine.boot())


# Locking and logging off


def test_locking(machine):
    system = machine.boot()
    assert session_processes(system) == ["explorer.exe"]
    system.console.lock()
    assert system.screen.scene == "logon"
    assert session_processes(system) == ["LogonUI.exe", "explorer.exe"]
    # A window that comes or goes behind the lock screen stays behind it.
    system.processes.kill(start(machine).pid)
    assert system.screen.scene == "logon"
    system.sessions.unlock()
    system.show_session()
    assert session_processes(system) == ["explorer.exe"]


def test_a_locked_console_shuts_down_though_policy_wants_a_logon(machine):
    system = machine.boot()
    assert not system.sessions.shutdown_without_logon()
    system.console.lock()
    system.press_power_button()
    assert machine.ended() == "power off"


def test_a_locked_console_is_blocked_by_its_programs(machine):
    system = machine.boot()
    start(machine, query_end_session="refuse")
    system.console.lock()
    system.press_power_button()
    machine.clock.await_waiters(1)
    assert system.screen.scene == "blocking"


def log_off(machine):
    system = machine.system
    assert system.console.log_off()
    machine.clock.until(lambda: not system.console.leaving, lambda: machine.log)
    machine.clock.until(lambda: system.screen.scene == "logon")


def test_logging_off(machine):
    system = machine.boot()
    agreeing = start(machine, end_session=[{"write": "C:\\saved", "text": "yes"}])
    elsewhere = start(machine, session=0)
    log_off(machine)
    assert system.sessions.console_user is None
    assert session_processes(system) == ["LogonUI.exe"]
    assert (agreeing.alive, elsewhere.alive) == (False, True)
    assert machine.read("C:\\saved") == "yes"
    assert not system.console.log_off()
    # The policy on shutting down without logon is what counts now.
    system.press_power_button()
    assert system.shutdown is None
    system.registry.set(
        POLICIES_SYSTEM, RegistryValue("ShutdownWithoutLogon", RegistryType.DWORD, 1)
    )
    system.press_power_button()
    assert machine.ended() == "power off"
    assert machine.boot().sessions.console_user == "tester"


def test_a_program_that_refuses_holds_up_a_logoff(machine):
    system = machine.boot()
    process = start(machine, query_end_session="refuse")
    assert system.console.log_off()
    machine.clock.await_waiters(1)
    assert system.screen.scene == "blocking"
    assert not system.console.log_off()
    assert system.request_shutdown(ShutdownRequest()) == (False, 1115)
    system.console.chord(ESC)
    machine.clock.until(lambda: system.screen.scene == "desktop")
    assert system.sessions.console_user == "tester"
    assert process.alive
    system.processes.kill(process.pid)
    log_off(machine)


def test_a_logoff_while_the_machine_goes_down(machine):
    system = machine.boot()
    process = start(machine, query_end_session="refuse")
    system.press_power_button()
    machine.clock.await_waiters(1)
    assert not system.console.log_off()
    system.processes.kill(process.pid)
    assert machine.ended() == "power off"


def test_a_broken_model_shows_at_a_logoff_too(machine, monkeypatch):
    system = machine.boot()

    def broken(session):
        raise RuntimeError("bug")

    monkeypatch.setattr(system.processes, "applications", broken)
    monkeypatch.setattr("threading.excepthook", lambda arguments: None)
    system.console.log_off()
    with pytest.raises(RuntimeError, match="bug"):
        system.wait()


def test_a_client_without_policy_has_no_tracker(machine):
    system = machine.boot()
    system.registry.set(PRODUCT_OPTIONS, RegistryValue("ProductType", RegistryType.SZ, "WinNT"))
    system.console.chord(ALT_F4)
    system.press_power_button()
    assert machine.ended() == "power off"
