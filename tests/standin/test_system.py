import pytest
from standin.logon import POLICIES_SYSTEM, WINLOGON
from standin.power import PBUTTONACTION, POLICY_KEY
from standin.registry import RegistryType, RegistryValue

FIRST_BOOT = [12, 20, 27, 6009, 6005, 6013]
AFTER_POWER_LOSS = [12, 20, 27, 41, 6008, 6009, 6005, 6013]


def set_button(system, index):
    system.power.set_scheme_value("SCHEME_CURRENT", "SUB_BUTTONS", "PBUTTONACTION", index)
    system.power.activate("SCHEME_CURRENT")


def no_automatic_logon(machine):
    machine.boot().registry.set(WINLOGON, RegistryValue("AutoAdminLogon", RegistryType.SZ, "0"))
    machine.system.press_power_button()
    machine.ended()
    return machine.boot()


def field(system, event_id, name):
    event = [e for e in system.event_log.events() if e.event_id == event_id][-1]
    return dict(event.data)[name]


def test_first_boot(machine):
    system = machine.boot()
    assert machine.ids() == FIRST_BOOT
    assert field(system, 20, "LastShutdownGood") == "true"
    assert system.screen.scene == "desktop"


def test_two_boots_with_an_orderly_stop_between(machine):
    machine.boot().press_power_button()
    machine.ended()
    before = machine.last_record()
    system = machine.boot()
    assert machine.ids(before) == FIRST_BOOT
    assert field(system, 20, "LastShutdownGood") == "true"
    assert field(system, 20, "LastBootId") == "1"
    numbers = [e.record_id for e in system.event_log.events()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_boot_after_a_loss_of_power(machine):
    machine.boot()
    machine.clock.advance(90)
    machine.system.registry.set(r"HKLM\SOFTWARE\T", RegistryValue("kept", RegistryType.DWORD, 1))
    before = machine.last_record()
    system = machine.boot(dirty=True)
    assert machine.ids(before) == AFTER_POWER_LOSS
    assert field(system, 20, "LastShutdownGood") == "false"
    assert field(system, 41, "BugcheckCode") == "0"
    assert field(system, 41, "PowerButtonTimestamp") == "0"
    assert system.registry.dword(r"HKLM\SOFTWARE\T", "kept") == 1
    (unclean,) = [e for e in system.event_log.events() if e.event_id == 6008]
    assert [text for _, text in unclean.data][:2] == ["9:30:00 AM", "3/1/2026"]
    assert unclean.level == 2
    system.press_power_button()
    machine.ended()
    before = machine.last_record()
    machine.boot()
    assert machine.ids(before) == FIRST_BOOT


def test_power_lost_during_shutdown_before_the_last_records(machine):
    """1074 alone does not make a stop orderly."""
    system = machine.boot()
    path = machine.program(kind="application", window={"title": "x"}, query_end_session="refuse")
    system.processes.start(path, [], 1)
    system.press_power_button()
    machine.clock.await_waiters(1)
    before = machine.last_record()
    machine.boot()
    assert machine.ids(before) == AFTER_POWER_LOSS


def test_a_button_set_to_nothing_leaves_no_trace(machine):
    system = machine.boot()
    set_button(system, 0)
    before = machine.last_record()
    system.press_power_button()
    assert system.shutdown is None
    assert machine.ids(before) == []
    set_button(system, 3)
    system.press_power_button()
    assert machine.ended() == "power off"


def test_policy_silences_the_button_and_its_removal_restores_it(machine):
    system = machine.boot()
    key = f"{POLICY_KEY}\\{PBUTTONACTION}"
    system.registry.set(key, RegistryValue("ACSettingIndex", RegistryType.DWORD, 0))
    system = machine.boot()
    system.press_power_button()
    assert system.shutdown is None
    system.registry.delete_key(key)
    system.power.activate("SCHEME_CURRENT")
    system.press_power_button()
    assert machine.ended() == "power off"


def test_display_off_and_the_press_that_only_wakes_it(machine):
    system = machine.boot()
    desktop = bytes(machine.frame.pixels)
    set_button(system, 4)
    system.press_power_button()
    assert not any(machine.frame.pixels)
    set_button(system, 3)
    before = machine.last_record()
    system.press_power_button()
    assert bytes(machine.frame.pixels) == desktop
    assert machine.ids(before) == []
    system.press_power_button()
    assert machine.ended() == "power off"


def test_a_key_wakes_the_display_so_that_the_press_counts(machine):
    system = machine.boot()
    system.screen.blank()
    system.user_input()
    system.press_power_button()
    assert machine.ended() == "power off"


def test_nobody_logged_on_and_policy_wants_a_logon(machine):
    system = no_automatic_logon(machine)
    assert system.screen.scene == "logon"
    before = machine.last_record()
    system.press_power_button()
    assert system.shutdown is None
    assert machine.ids(before) == []
    # The remedy works without a restart.
    system.registry.set(
        POLICIES_SYSTEM, RegistryValue("ShutdownWithoutLogon", RegistryType.DWORD, 1)
    )
    system.press_power_button()
    assert machine.ended() == "power off"
    assert field(system, 1074, "param7") == "NT AUTHORITY\\SYSTEM"


def test_two_faults_at_once_need_both_remedies(machine):
    system = no_automatic_logon(machine)
    set_button(system, 0)
    system.registry.set(
        POLICIES_SYSTEM, RegistryValue("ShutdownWithoutLogon", RegistryType.DWORD, 1)
    )
    system.press_power_button()
    assert system.shutdown is None
    set_button(system, 3)
    system.press_power_button()
    assert machine.ended() == "power off"


@pytest.mark.parametrize("locked", [False, True])
def test_a_locked_console_shuts_down_all_the_same(machine, locked):
    system = machine.boot()
    if locked:
        system.sessions.lock()
        system.show_session()
        assert system.screen.scene == "logon"
    system.press_power_button()
    assert machine.ended() == "power off"
