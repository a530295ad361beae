"""A real guest's power states and crashes, seen from outside."""

from __future__ import annotations

import json

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import PowerdownError
from powerdown.disk.ntfs.volume_state import volume_state
from powerdown.images.definition import load
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.protocol import RunState
from powerdown.windows.event_records import parse_events
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from tests.support.standin_image import DEFINITION, SECONDS

pytestmark = [pytest.mark.guest]

UNANSWERED = 5.0
"""How long a guest that does not answer is listened to."""


@pytest.fixture(scope="module")
def image():
    return load(DEFINITION)


def set_button(guest, action):
    guest.windows.run_all(POWER_BUTTON.set(action).commands)


def ends(guest):
    """The names of the host's events up to QEMU's end, which has to come."""
    events = guest.machine.events
    assert events.wait(named(PROCESS_EXIT), Deadline.after(SECONDS)), "it goes on"
    return [e.name for e in events.since(0) if e.name in ("SUSPEND", "SUSPEND_DISK", "SHUTDOWN")]


def records(guest):
    output = guest.windows.run("wevtutil qe System /f:xml").checked().output
    return parse_events(output)


def test_hibernation_is_s4_and_the_next_start_goes_on(host, image, tmp_path, pe):
    program = tmp_path / "document.exe"
    declared = {"format": 1, "kind": "application", "window": {"title": "Document"}}
    program.write_bytes(pe(json.dumps(declared).encode()))
    with host.boot(image, tmp_path) as guest:
        guest.wait_until_ready()
        guest.windows.run("powercfg /hibernate on").checked()
        guest.windows.start_on_desktop("document", guest.windows.upload(program), "")
        set_button(guest, ButtonAction.HIBERNATE)
        guest.machine.press_power_button()
        assert ends(guest) == ["SUSPEND_DISK", "SHUTDOWN"]
        assert not volume_state(guest.machine.overlay).dirty
        overlay = guest.machine.overlay
    with host.boot(image, tmp_path, overlay) as guest:
        guest.wait_until_ready()
        assert [r.event_id for r in records(guest)][-3:] == [42, 107, 27]
        assert "document.exe" in guest.windows.run("tasklist /fo csv /nh").output
        set_button(guest, ButtonAction.SHUT_DOWN)
        guest.machine.press_power_button()
        assert ends(guest) == ["SHUTDOWN"]


def test_a_press_while_asleep_is_used_up_by_the_wake(host, image, tmp_path):
    with host.boot(image, tmp_path) as guest:
        guest.wait_until_ready()
        machine = guest.machine
        set_button(guest, ButtonAction.SLEEP)
        machine.press_power_button()
        assert machine.events.wait(named("SUSPEND"), Deadline.after(SECONDS))
        pressed_at = machine.press_power_button()
        assert machine.probe_pm1().press_pending
        machine.wake()
        guest.wait_until_ready()
        assert not machine.probe_pm1().press_pending
        # It would have slept again.
        assert machine.events.first(named("SUSPEND"), since=pressed_at) is None
        assert [r.event_id for r in records(guest)][-2:] == [42, 107]
        set_button(guest, ButtonAction.SHUT_DOWN)
        machine.press_power_button()
        assert ends(guest) == ["SUSPEND", "SHUTDOWN"]


def test_an_nmi_is_a_crash_that_reaches_the_host(host, image, tmp_path):
    with host.boot(image, tmp_path) as guest:
        guest.wait_until_ready()
        guest.machine.inject_nmi()
        assert guest.machine.events.wait(named("GUEST_PANICKED"), Deadline.after(SECONDS))
        assert guest.machine.run_state() is RunState.GUEST_PANICKED
        assert volume_state(guest.machine.overlay).dirty
        overlay = guest.machine.overlay
    with host.boot(image, tmp_path, overlay) as guest:
        guest.wait_until_ready()
        (lost,) = [r for r in records(guest) if r.event_id == 41]
        assert lost.data["BugcheckCode"] == "0"


def test_a_machine_without_processor_time_still_takes_the_press(host, image, tmp_path, pe):
    program = tmp_path / "spinner.exe"
    declared = {"format": 1, "kind": "service", "accepts": [], "run": [{"busy": True}]}
    program.write_bytes(pe(json.dumps(declared).encode()))
    with host.boot(image, tmp_path) as guest:
        guest.wait_until_ready()
        machine, windows = guest.machine, guest.windows
        windows.run(f"sc.exe create Spinner binPath= {windows.upload(program)}").checked()
        # The answer is lost where the processor is gone before it is sent.
        with pytest.raises(PowerdownError):
            windows.channel.run("sc.exe start Spinner & ping -n 4 127.0.0.1", Deadline.after(10))
        assert not windows.channel.answers(Deadline.after(UNANSWERED))
        pressed_at = machine.press_power_button()
        deadline = Deadline.after(SECONDS)
        while machine.probe_pm1().press_pending:
            assert not deadline.expired, "the press stays pending"
        assert (
            machine.events.wait(named("SHUTDOWN"), Deadline.after(UNANSWERED), since=pressed_at)
            is None
        )
        assert machine.run_state() is RunState.RUNNING
