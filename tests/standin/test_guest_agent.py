"""The stand-in as a real guest that is reached through its guest agent alone, Debian's qemu-ga."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import ControlChannelError, DeadlineExpired
from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.disk.ntfs.volume_state import volume_state
from powerdown.guest.guest_time import GuestTime
from powerdown.images.definition import load
from powerdown.machine.events import named
from powerdown.machine.protocol import RunState
from powerdown.machine.qemu.command_line import AGENT_PORT_ID
from powerdown.shutdown.observation import CONTROL_BACK, CONTROL_CLOSED, ChannelState
from powerdown.shutdown.phases import timeline_of
from powerdown.shutdown.soft_shutdown import press_power_button
from powerdown.shutdown.timeline import Step
from powerdown.windows import commands, service_commands
from powerdown.windows.settings.application_settings import AUTO_END_TASKS
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("standin-agent")]

DEFINITION = REPOSITORY / "fixtures/images/standin-agent.toml"
SECONDS = 60.0
"""For what takes the guest a second or two when the host is idle."""


@pytest.fixture(scope="module")
def image():
    return load(DEFINITION)


@pytest.fixture
def clone(host, image):
    """A clone of a template, with an agent that was asked before it was saved."""
    guest = host.clone(image, GuestTime())
    assert guest is not None, "it starts cold"
    try:
        yield guest
    finally:
        guest.close()
        shutil.rmtree(guest.machine.overlay.parent)


def happens(guest, event):
    return guest.machine.events.expect(named(event), Deadline.after(SECONDS), event)


def is_closing(event):
    ours = event.name == "VSERPORT_CHANGE" and event.data["id"] == AGENT_PORT_ID
    return ours and event.data["open"] is False


def await_news_of_port(guest):
    """QEMU tells of a port once a second at most (qemu:monitor/monitor.c)."""
    opened = [e.at for e in guest.machine.events.since() if e.name == "VSERPORT_CHANGE"][-1]
    guest.machine.events.wait(named(), Deadline(at=opened + 1.0, allowed=1.0))


def press(guest):
    return press_power_button(guest.machine, guest.windows, is_conclusive=is_conclusive)


def names(seen):
    return [event.name for event in seen.events]


def test_a_whole_life(host, image, tmp_path):
    """From power-on: asked, watched, and off with the agent's end seen on the way."""
    with host.boot(image, tmp_path) as guest:
        readiness = guest.wait_until_ready()
        assert readiness.answered_at is not None
        assert guest.machine.control_address[1] == 0, "there is no other way in"
        assert abs(guest.clock_ahead()) < 3600
        windows = guest.windows
        assert "Version" in windows.run("ver").checked().output
        assert windows.run("whoami").output == "nt authority\\system\n"
        refused = windows.run('reg query "HKLM\\SOFTWARE\\No such key" & exit 7')
        assert (refused.exit_code, refused.output) == (7, "")
        assert "unable to find" in refused.error_output
        baseline = windows.baseline()
        assert baseline.notes == ()
        assert baseline.console.user == "tester"
        running = {service.name for service in baseline.services}
        assert "QEMU-GA" in running
        await_news_of_port(guest)
        seen = press(guest)
        verdict = diagnose(seen)
    assert (verdict.outcome, verdict.cause) == (Outcome.COMPLETED, Cause.NONE)
    assert names(seen).count(CONTROL_CLOSED) == 1
    assert CONTROL_BACK not in names(seen)
    ended = seen.event("SHUTDOWN").at
    assert seen.press_taken_at < seen.control_lost_at < ended
    steps = {phase.step: phase for phase in timeline_of(seen).phases}
    assert steps[Step.CORE_SERVICES].start == seen.control_lost_at


def test_a_clone_answers_and_a_fault_is_named_and_remedied(clone):
    assert clone.clock_ahead() is not None
    clone.windows.run_all(POWER_BUTTON.set(ButtonAction.NOTHING).commands)
    seen = press(clone)
    verdict = diagnose(seen)
    assert (verdict.outcome, verdict.cause) == (Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED)
    assert seen.control is ChannelState.ALIVE
    assert CONTROL_CLOSED not in names(seen)
    clone.windows.run_all(POWER_BUTTON.set(ButtonAction.SHUT_DOWN).commands)
    seen = press(clone)
    assert diagnose(seen).outcome is Outcome.COMPLETED
    assert CONTROL_CLOSED in names(seen)
    assert not volume_state(clone.machine.overlay).dirty


def test_it_is_found_again_after_a_restart(clone):
    since = now()
    with suppress(ControlChannelError):
        # The agent may be gone before it has told the exit code.
        clone.windows.run(commands.RESTART).checked()
    # Sooner than the RESET, unless the port was opened less than a second ago.
    closed = clone.machine.events.wait(is_closing, Deadline.after(SECONDS), since)
    assert closed is not None
    happens(clone, "RESET")
    clone.wait_until_ready()
    assert clone.windows.run("ver").exit_code == 0


def test_it_sleeps_and_answers_again(clone):
    clone.windows.run_all(POWER_BUTTON.set(ButtonAction.SLEEP).commands)
    seen = press(clone)
    assert diagnose(seen).cause is Cause.ASLEEP
    # The driver closes the port on the way, which is not the end of a service.
    assert seen.control_lost_at is None
    assert clone.machine.run_state() is RunState.SUSPENDED
    with pytest.raises((DeadlineExpired, ControlChannelError)):
        clone.windows.run("ver", seconds=0.5)
    clone.machine.wake()
    clone.wait_until_ready()
    assert clone.windows.run("ver").exit_code == 0


def test_without_its_service_nobody_answers(clone):
    since = now()
    with suppress(ControlChannelError):
        clone.windows.run(service_commands.stop_service("QEMU-GA"))
    assert clone.machine.events.wait(is_closing, Deadline.after(SECONDS), since) is not None
    with pytest.raises(ControlChannelError, match="no agent has its port open"):
        clone.windows.run("ver")
    assert clone.clock_ahead() is None


def test_a_program_is_started_on_the_desktop_and_a_file_brought_in(clone, tmp_path):
    content = bytes(range(256)) * 80
    (tmp_path / "data.bin").write_bytes(content)
    path = clone.windows.upload(tmp_path / "data.bin")
    assert str(len(content)) in clone.windows.run(f"dir {path}").output.replace(",", "")
    clone.windows.set_for_user(AUTO_END_TASKS, True)
    reading = clone.windows.baseline().of_user(AUTO_END_TASKS)
    assert reading is not None and reading.truth is True


@contextmanager
def interrupted(channel, seconds):
    """Break off, from another thread, what is asked in this block."""
    import threading

    timer = threading.Timer(seconds, channel.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_question_is_broken_off_and_the_next_one_answered(clone):
    channel = clone.windows.channel
    began = now()
    with interrupted(channel, 0.5), pytest.raises(ControlChannelError, match="it was interrupted"):
        channel.run("ping -n 30 127.0.0.1", Deadline.after(SECONDS))
    assert now() - began < SECONDS / 2
    assert channel.run("ver", Deadline.after(SECONDS)).exit_code == 0
