"""Nobody uses the machine: the display goes dark, the machine sleeps."""

import pytest

OFF = 0


def set_seconds(system, setting, seconds, subgroup="SUB_VIDEO"):
    system.power.set_scheme_value("SCHEME_CURRENT", subgroup, setting, seconds)
    system.power.activate("SCHEME_CURRENT")


@pytest.fixture
def system(machine):
    """Up, with its idle timers running and none of them set."""
    system = machine.boot()
    set_seconds(system, "VIDEOCONLOCK", OFF)
    system.idle.start()
    return system


def later(machine, seconds):
    """Let time pass and whatever is due then be done."""
    machine.clock.await_waiters(1)
    machine.clock.advance(seconds)
    machine.clock.await_waiters(1)


def test_the_default_never_darkens_a_desktop(machine, system):
    later(machine, 100_000)
    assert system.screen.visible
    assert machine.hardware.calls == []


def test_the_display_goes_dark_after_its_time_and_a_press_only_wakes_it(machine, system):
    desktop = bytes(machine.frame.pixels)
    set_seconds(system, "VIDEOIDLE", 60)
    later(machine, 59)
    assert system.screen.visible
    later(machine, 1)
    assert not any(machine.frame.pixels)
    system.press_power_button()
    assert bytes(machine.frame.pixels) == desktop
    assert system.shutdown is None
    later(machine, 60)
    assert not system.screen.visible


def test_input_begins_the_time_anew(machine, system):
    set_seconds(system, "VIDEOIDLE", 60)
    later(machine, 59)
    system.user_input()
    later(machine, 59)
    assert system.screen.visible
    later(machine, 1)
    assert not system.screen.visible


def test_a_setting_that_is_only_stored_does_not_count(machine, system):
    system.power.set_scheme_value("SCHEME_CURRENT", "SUB_VIDEO", "VIDEOIDLE", 5)
    later(machine, 10)
    assert system.screen.visible
    # Activated, it is overdue at once.
    system.power.activate("SCHEME_CURRENT")
    machine.clock.until(lambda: not system.screen.visible)


def test_a_locked_console_has_its_own_time(machine, system):
    set_seconds(system, "VIDEOCONLOCK", 60)
    later(machine, 1000)
    assert system.screen.visible
    system.console.lock()
    later(machine, 59)
    assert system.screen.visible
    later(machine, 1)
    assert not system.screen.visible


def test_an_idle_machine_sleeps_and_counts_anew_after_the_wake(machine, system):
    before = machine.last_record()
    set_seconds(system, "STANDBYIDLE", 300, "SUB_SLEEP")
    set_seconds(system, "VIDEOIDLE", 60)
    later(machine, 60)
    assert not system.screen.visible
    later(machine, 240)
    assert machine.hardware.calls == ["suspend"]
    assert machine.ids(before) == [42, 107]
    (slept,) = [e for e in system.event_log.events() if e.event_id == 42]
    assert dict(slept.data)["Reason"] == "7"
    assert system.screen.visible
    later(machine, 299)
    assert machine.hardware.calls == ["suspend"]


def test_an_idle_machine_hibernates_where_it_may(machine, system):
    set_seconds(system, "HIBERNATEIDLE", 300, "SUB_SLEEP")
    later(machine, 301)
    assert system.wait(0) is None
    system.hibernation.enable()
    system.user_input()
    later(machine, 300)
    assert system.wait(0) == "hibernate"


def test_a_timer_that_breaks_is_no_secret(machine, system, monkeypatch):
    monkeypatch.setattr(machine.hardware, "suspend", lambda: 1 / 0)
    set_seconds(system, "STANDBYIDLE", 5, "SUB_SLEEP")
    machine.clock.await_waiters(1)
    machine.clock.advance(5)
    with pytest.raises(ZeroDivisionError):
        system.wait(10)
