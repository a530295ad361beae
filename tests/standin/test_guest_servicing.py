"""A real guest that is serviced while it shuts down, seen from inside and from outside."""

from __future__ import annotations

import pytest

from powerdown.core.deadline import Deadline
from powerdown.disk.ntfs.volume_state import volume_state
from powerdown.images.definition import load
from powerdown.machine.events import named
from powerdown.windows.event_records import parse_events
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.guest]

DEFINITION = REPOSITORY / "fixtures/images/standin.toml"
CBS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
RESTART_REQUIRED = 3010
SECONDS = 60.0
"""For what takes the guest a second or two when the host is idle."""
WATCHED = 3.0
"""How long the disk is watched, in seconds."""
LEAST_WRITTEN = 5 * 32 * 1024
"""What servicing writes in that time at half of its speed, in bytes."""


@pytest.fixture(scope="module")
def image():
    return load(DEFINITION)


def add(windows, path):
    line = f"dism /online /add-package /packagepath:{path} /quiet /norestart"
    assert windows.run(line).exit_code == RESTART_REQUIRED


def stop_pending(guest):
    """Wait until TrustedInstaller is asked to stop, as ``sc`` shows it over WinRM."""
    deadline = Deadline.after(SECONDS)
    while not deadline.expired:
        status = guest.windows.run("sc.exe query TrustedInstaller").checked().output
        if "STOP_PENDING" in status:
            return status
        guest.machine.events.wait(named("SHUTDOWN"), deadline.at_most(0.2))
    raise deadline.expire("STOP_PENDING", status, "Look at the guest's screen.")


def recorded(windows, event_id):
    query = f'wevtutil qe System /q:"*[System[EventID={event_id}]]" /f:xml'
    return parse_events(windows.run(query).checked().output)


def test_an_update_is_worked_on_before_the_power_goes_off(host, image, tmp_path):
    with host.boot(image, tmp_path) as guest:
        guest.wait_until_ready()
        machine, windows = guest.machine, guest.windows
        add(windows, image.updates.package)
        pressed_at = machine.press_power_button()
        assert "ACCEPTS_PRESHUTDOWN" in stop_pending(guest)
        (request,) = recorded(windows, 1074)
        assert request.data["param5"] == "power off"
        assert '"TiWorker.exe"' in windows.run("tasklist /fo csv /nh").checked().output
        before = machine.activity()
        assert machine.events.wait(named("SHUTDOWN"), Deadline.after(WATCHED)) is None
        written = machine.activity().written_bytes - before.written_bytes
        assert written >= LEAST_WRITTEN
        off = machine.events.wait(named("SHUTDOWN"), Deadline.after(image.budgets.shutdown_hard))
        assert off is not None
        assert off.data["reason"] == "guest-shutdown"
        took = off.at - pressed_at
        assert image.budgets.shutdown_soft < took < image.budgets.shutdown_hard
        machine.events.wait(named("PROCESS_EXIT"), Deadline.after(SECONDS))
        assert not volume_state(guest.machine.overlay).dirty


def test_an_update_that_needs_a_restart_restarts_the_guest(host, image, tmp_path):
    with host.boot(image, tmp_path) as guest:
        guest.wait_until_ready()
        machine = guest.machine
        add(guest.windows, image.updates.restarting_package)
        pressed_at = machine.press_power_button()
        reset = machine.events.wait(named("RESET"), Deadline.after(SECONDS), since=pressed_at)
        assert reset is not None
        assert reset.data["reason"] == "guest-reset"
        guest.wait_until_ready()
        restart = recorded(guest.windows, 1074)[-1]
        assert "TrustedInstaller.exe" in restart.data["param1"]
        assert restart.data["param5"] == "restart"
        assert guest.windows.run(f'reg query "{CBS}\\RebootPending"').exit_code != 0
