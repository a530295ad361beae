"""Packages from their staging over the shutdown to the boot that completes them."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin.errors import Win32Error
from standin.registry import RegistryType, RegistryValue
from standin.service import ServiceState
from standin.service_database import SERVICES_KEY
from standin.servicing import (
    CBS_LOG,
    INSTALL_PENDING,
    INSTALLED,
    PACKAGES,
    PACKAGES_PENDING,
    REBOOT_PENDING,
)
from standin.shutdown import RESTART, ShutdownRequest
from standin.update_package import InvalidPackage, UpdatePackage, parse

NAME = "Package_for_Test~~amd64~~1.0.0.0"


def package(work_ms=10_000, restart=False, name=NAME):
    return UpdatePackage(name, work_ms, restart).to_bytes()


def installer(machine):
    return machine.system.services.get("TrustedInstaller")


def components(machine, name=NAME):
    folder = machine.volume.path(f"C:\\Windows\\WinSxS\\{name}")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def press(machine):
    """Press the button and wait until servicing is at work."""
    machine.system.press_power_button()
    # The manager, and the first component of the package.
    machine.clock.await_waiters(2)


def work_through(machine, seconds, step=0.25):
    """Let servicing work on one component after the other."""
    for _ in range(round(seconds / step)):
        machine.clock.await_waiters(2)
        machine.clock.advance(step)


def boot_in_background(machine):
    """Start a boot that has servicing to do; its clock does not move by itself."""
    before = machine.clock
    thread = threading.Thread(target=machine.boot, daemon=True)
    thread.start()
    before.until(lambda: machine.clock is not before)
    machine.clock.await_waiters(1)
    return thread


def test_staging(machine):
    system = machine.boot()
    assert installer(machine).stopped
    assert system.servicing.stage(package()) == (NAME, True)
    assert installer(machine).state == ServiceState.RUNNING
    assert "preshutdown" in installer(machine).accepts
    assert "TrustedInstaller.exe" in [p.name for p in system.processes.list()]
    assert system.registry.exists(REBOOT_PENDING)
    assert system.registry.subkeys(PACKAGES_PENDING) == [NAME]
    assert system.registry.dword(f"{PACKAGES}\\{NAME}", "CurrentState") == INSTALL_PENDING
    assert components(machine) == 0


def test_the_work_is_done_in_the_preshutdown_phase(machine):
    system = machine.boot()
    system.servicing.stage(package(10_000))
    before = machine.last_record()
    press(machine)
    work_through(machine, 5)
    machine.clock.await_waiters(2)
    assert installer(machine).state == ServiceState.STOP_PENDING
    assert installer(machine).checkpoint > 15
    # Whoever looks inside still can.
    assert system.services.get("WinRM").state == ServiceState.RUNNING
    assert "TiWorker.exe" in [p.name for p in system.processes.list()]
    assert system.screen.scene == "updates"
    assert components(machine) == 21
    work_through(machine, 5)
    assert machine.ended() == "power off"
    assert components(machine) == 40
    assert machine.ids(before) == [1074, 6006, 109, 13]
    assert "component 40 of 40 (97%)" in machine.read(CBS_LOG)
    assert system.registry.exists(REBOOT_PENDING)


def test_the_next_boot_removes_the_marks(machine):
    system = machine.boot()
    system.servicing.stage(package(250))
    press(machine)
    machine.clock.advance(0.25)
    machine.ended()
    system = machine.boot()
    assert not system.registry.exists(REBOOT_PENDING)
    assert not system.registry.exists(PACKAGES_PENDING)
    assert system.servicing.packages() == [(NAME, INSTALLED)]
    assert installer(machine).stopped
    # Adding it again changes nothing.
    assert system.servicing.stage(package(250)) == (NAME, False)
    assert not system.registry.exists(REBOOT_PENDING)


def test_a_package_that_needs_a_restart_turns_the_power_off_into_one(machine):
    system = machine.boot()
    system.servicing.stage(package(1_000, restart=True))
    before = machine.last_record()
    press(machine)
    work_through(machine, 1)
    assert machine.ended() == RESTART
    assert system.screen.scene == "shutting down"
    records = [e for e in system.event_log.events() if e.record_id > before]
    assert [e.event_id for e in records] == [1074, 1074, 6006, 109, 13]
    second = dict(records[1].data)
    assert second["param1"] == "C:\\Windows\\servicing\\TrustedInstaller.exe (STANDIN)"
    assert second["param3"] == "Operating System: Upgrade (Planned)"
    assert (second["param4"], second["param5"]) == ("0x80020003", "restart")
    assert second["param7"] == "NT AUTHORITY\\SYSTEM"
    assert dict(records[3].data)["ShutdownActionType"] == "5"

    boot = boot_in_background(machine)
    assert machine.system.screen.scene == "updates"
    assert machine.system.registry.exists(REBOOT_PENDING)
    machine.clock.advance(0.25)
    boot.join(10)
    assert not boot.is_alive()
    assert not machine.system.registry.exists(REBOOT_PENDING)
    assert machine.system.screen.scene == "desktop"
    # All of it is done: this one stays a power-off.
    machine.system.press_power_button()
    assert machine.ended() == "power off"


def test_a_restart_stays_one_and_is_recorded_once(machine):
    system = machine.boot()
    system.servicing.stage(package(250, restart=True))
    before = machine.last_record()
    system.request_shutdown(ShutdownRequest(RESTART))
    machine.clock.await_waiters(2)
    machine.clock.advance(0.25)
    assert machine.ended() == RESTART
    assert machine.ids(before).count(1074) == 1


def test_an_overrun_interrupts_and_the_next_shutdown_goes_on(machine):
    machine.boot().registry.set(
        f"{SERVICES_KEY}\\TrustedInstaller",
        RegistryValue("PreshutdownTimeout", RegistryType.DWORD, 2_100),
    )
    system = machine.boot()
    system.servicing.stage(package(5_000, restart=True))
    before = machine.last_record()
    press(machine)
    work_through(machine, 2)
    machine.clock.await_waiters(2)
    machine.clock.advance(0.1)
    assert machine.ended() == "power off"
    assert machine.ids(before) == [1074, 7043, 6006, 109, 13]
    (overrun,) = [e for e in system.event_log.events() if e.event_id == 7043]
    assert overrun.data == [("param1", "Windows Modules Installer")]
    assert components(machine) == 9

    system = machine.boot()
    # Nothing is complete: it is ready for the next shutdown.
    assert system.registry.exists(REBOOT_PENDING)
    assert installer(machine).state == ServiceState.RUNNING
    press(machine)
    assert components(machine) == 10


def test_a_mark_alone_causes_no_work(machine):
    system = machine.boot()
    system.registry.create_key(REBOOT_PENDING)
    system.registry.create_key(f"{PACKAGES_PENDING}\\Package_for_Nothing")
    system.registry.set(
        f"{PACKAGES}\\Package_for_Nothing",
        RegistryValue("CurrentState", RegistryType.DWORD, INSTALL_PENDING),
    )
    system.services.start("TrustedInstaller")
    system.press_power_button()
    assert machine.ended() == "power off"
    assert machine.boot().registry.exists(REBOOT_PENDING)


def test_two_packages_are_worked_on_one_after_the_other(machine):
    system = machine.boot()
    other = "Package_for_Another~~amd64~~1.0.0.0"
    system.servicing.stage(package(500))
    system.servicing.stage(package(500, name=other))
    press(machine)
    assert (components(machine, other), components(machine)) == (1, 0)
    work_through(machine, 1)
    assert machine.ended() == "power off"
    assert (components(machine, other), components(machine)) == (2, 2)


def test_a_stopped_installer_is_started_for_the_preshutdown_phase(machine):
    system = machine.boot()
    system.servicing.stage(package(500))
    system.services.stop("TrustedInstaller")
    machine.clock.until(lambda: installer(machine).stopped)
    press(machine)
    work_through(machine, 0.5)
    assert machine.ended() == "power off"
    assert components(machine) == 2


def test_a_disabled_installer_does_nothing(machine):
    system = machine.boot()
    system.services.configure("TrustedInstaller", start_type=4)
    with pytest.raises(Win32Error) as refused:
        system.servicing.stage(package())
    assert refused.value.code == 1058
    assert not system.registry.exists(REBOOT_PENDING)


def test_a_killed_installer_ends_its_work(machine):
    system = machine.boot()
    system.servicing.stage(package(10_000))
    before = machine.last_record()
    press(machine)
    system.processes.kill(installer(machine).pid)
    assert machine.ended() == "power off"
    assert components(machine) == 1
    assert machine.ids(before) == [1074, 7034, 6006, 109, 13]


def test_a_full_disk_fails_the_package_and_not_the_shutdown(machine, monkeypatch):
    system = machine.boot()
    system.servicing.stage(package())

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("standin.servicing.write_durably", full)
    system.press_power_button()
    assert machine.ended() == "power off"
    assert "No space left" in machine.read(CBS_LOG)
    assert system.servicing.packages() == [(NAME, INSTALL_PENDING)]


@given(st.binary(max_size=60) | st.builds(lambda text: text.encode(), st.text(max_size=60)))
def test_other_files_are_no_packages(content):
    with pytest.raises(InvalidPackage):
        parse(content)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"name": "..\\x"},
        {"name": ""},
        {"shutdown_work_ms": -1},
        {"shutdown_work_ms": True},
        {"shutdown_work_ms": 1.5},
        {"restart": 1},
        {"more": 1},
    ],
)
def test_what_a_package_may_not_say(change):
    import json

    sound = {"format": 1, "name": NAME, "shutdown_work_ms": 1, "restart": False}
    assert parse(json.dumps(sound).encode()) == UpdatePackage(NAME, 1, False)
    with pytest.raises(InvalidPackage):
        parse(json.dumps(sound | change).encode())
