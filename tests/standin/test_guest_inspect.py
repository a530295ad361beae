"""The stand-in's disk at rest says what the stand-in said while it ran.

Its registry is read twice, by command lines over WinRM and from the hives on its disk, and both
must come to the same: of the image as it was built, and after every setting was changed.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import closing

import pytest

from powerdown.cli import inspect_command
from powerdown.core.deadline import Deadline
from powerdown.disk.inspection import inspect_disk
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.disk.settings.disk_settings import EVERY_SETTING
from powerdown.images.definition import load
from powerdown.images.overlay import create_overlay
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.windows import commands
from powerdown.windows.settings import registry_keys as paths
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from powerdown.windows.settings.readings import Origin
from tests.standin.alive_and_at_rest import shared_values
from tests.support.standin_image import DEFINITION, SECONDS

pytestmark = [pytest.mark.guest]

DESKTOP = r"HKCU\Control Panel\Desktop"

CHANGES = (
    *POWER_BUTTON.set(ButtonAction.SLEEP).commands,
    f'reg add "{POWER_BUTTON.policy_key}" /v DCSettingIndex /t REG_DWORD /d 2 /f',
    f'reg add "{paths.SYSTEM_POLICIES}" /v ShutdownWithoutLogon /t REG_DWORD /d 1 /f',
    f'reg add "{paths.TRACKER_POLICY}" /v ShutdownReasonOn /t REG_DWORD /d 0 /f',
    f'reg add "{paths.WINDOWS_POLICY}" /v AllowBlockingAppsAtShutdown /t REG_DWORD /d 1 /f',
    f'reg add "{DESKTOP}" /v AutoEndTasks /t REG_SZ /d 1 /f',
    f'reg add "{DESKTOP}" /v HungAppTimeout /t REG_SZ /d 1234 /f',
    f'reg add "{DESKTOP}" /v WaitToKillAppTimeout /t REG_SZ /d 4321 /f',
    f'reg add "{paths.CONTROL}" /v WaitToKillServiceTimeout /t REG_SZ /d 54321 /f',
    "powercfg /hibernate on",
    f'reg add "{paths.FAST_STARTUP}" /v HiberbootEnabled /t REG_DWORD /d 1 /f',
    f'reg add "{paths.REBOOT_PENDING}" /f',
    rf'reg add "{paths.SERVICES}\gpsvc" /v PreshutdownTimeout /t REG_DWORD /d 7654321 /f',
)


@pytest.fixture(scope="module")
def image():
    return load(DEFINITION)


def inspected(disk):
    with closing(DiskReader()) as reader:
        return inspect_disk(reader.read_disk(disk, None, EVERY_SETTING, Deadline.after(SECONDS)))


def assert_same(baseline, settings):
    """What the live baseline knows is what the disk says."""
    alive = shared_values(baseline)
    assert len(alive) > 11, "much of it could not be read"
    assert {id: settings[id].value for id in alive} == alive
    marks = [setting.name for setting in settings.starting("update-mark:") if setting.value]
    assert tuple(marks) == baseline.update_markers
    timeouts = settings.starting("preshutdown-timeout:")
    assert {setting.id for setting in timeouts} <= alive.keys()


def shut_down(guest):
    guest.windows.run(commands.SHUT_DOWN).checked()
    assert guest.machine.events.wait(named(PROCESS_EXIT), Deadline.after(SECONDS)), "it goes on"


def test_the_image_as_it_was_built(image, tmp_path):
    disk = create_overlay(image.disk, tmp_path)
    begun = time.monotonic()
    found = inspected(disk)
    assert time.monotonic() - begun < 10
    unread = [s.id for s in found.settings if s.origin in (Origin.NOT_READ, Origin.UNREADABLE)]
    assert unread == []
    assert found.settings["power-button-ac"].value == ButtonAction.SHUT_DOWN
    assert found.settings["volume-dirty"].value is False


def test_a_disk_never_booted_says_what_its_guest_will_say(host, image, tmp_path):
    at_rest = inspected(create_overlay(image.disk, tmp_path))
    running = tmp_path / "running"
    running.mkdir()
    with host.boot(image, running) as guest:
        guest.wait_until_ready()
        assert_same(guest.windows.baseline(), at_rest.settings)


def test_after_changes_too(host, image, tmp_path, capsys):
    with host.boot(image, tmp_path) as guest:
        guest.wait_until_ready()
        guest.windows.run_all(CHANGES)
        said = guest.windows.baseline()
        shut_down(guest)
        overlay = guest.machine.overlay
    assert said.update_markers == ("RebootPending",), "the changes arrived"
    found = inspected(overlay)
    assert_same(said, found.settings)
    assert found.settings["power-button-dc"].origin is Origin.POLICY
    parser = argparse.ArgumentParser()
    inspect_command.add_options(parser)
    assert inspect_command.run_inspect(parser.parse_args([str(overlay), "--json"])) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["failed"] is True
    assert {(finding["cause"], finding["severity"]) for finding in told["findings"]} >= {
        ("asleep", "stops"),
        ("asleep", "may-stop"),
        ("windows-update", "delays"),
        ("unresponsive-service", "delays"),
        ("unresponsive-app", "latent"),
    }
