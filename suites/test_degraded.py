"""Where the inside cannot be seen: no control channel, one that is refused, one that is lost.

The answer may then be less sure, or that there is none; never may it be wrong and confident. What
shows from outside must still be named.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import PowerdownError
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Source
from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import boot_with_faults
from powerdown.guest.guest import Guest
from powerdown.images.image import Credentials, Image, Transport
from powerdown.machine.events import named
from powerdown.scenario.scenario import Scenario
from powerdown.windows import service_commands

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)

_PRESS_SECONDS = 300.0
"""Until the harness presses: it looks at the guest first, and a slow one takes long to answer."""

_STOP_SECONDS = 10.0

_SERVICES = {Transport.WINRM: "WinRM", Transport.GUEST_AGENT: "QEMU-GA"}
"""What stands behind a control channel (qemu:qga/installer/qemu-ga.wxs)."""


def fault_named(name: str) -> Fault:
    return next(fault for fault in CATALOGUE if str(fault) == name)


def of(*names: str) -> pytest.MarkDecorator:
    faults = [fault_named(name) for name in names]
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.variant)


@pytest.mark.scenario("degraded", variant="agentless")
@of("asleep/already-asleep", "asleep/button-hibernates", "damaged-system/hang")
def test_what_shows_from_outside_is_named(scenario: Scenario, fault: Fault) -> None:
    """Sleep, hibernation, a hang: registers, run state and events are enough."""
    target = boot_with_faults(scenario, fault)
    verdict = scenario.press(target.guest, "press", fault.expected, agentless=True)
    assert Expected(verdict.outcome, verdict.cause) in fault.expected


@pytest.mark.scenario("degraded", variant="agentless")
@of("unresponsive-app/refuses")
def test_what_the_screen_tells_is_named(scenario: Scenario, fault: Fault) -> None:
    """Windows' own screen tells of a program in the way, where it can be read."""
    target = boot_with_faults(scenario, fault)
    verdict = scenario.press(target.guest, "press", fault.expected, agentless=True)
    text = " ".join(e.raw for e in verdict.evidence if e.source is Source.SCREEN)
    if "shut" not in text.lower():
        pytest.skip("the screen could not be read: no tesseract, or no English text")
    assert Expected(verdict.outcome, verdict.cause) in fault.expected


@pytest.mark.scenario("degraded", variant="agentless")
@of("power-button-ignored/by-scheme", "event-tracker/dialog-open", "windows-update/finishes")
def test_what_only_the_inside_tells_is_left_open(scenario: Scenario, fault: Fault) -> None:
    """A press that was taken and had no effect, or a late one, has too many causes to name one."""
    target = boot_with_faults(scenario, fault)
    scenario.press(target.guest, "press", fault.expected, agentless=True)


@pytest.mark.scenario("degraded", variant="channel-lost")
@of("power-button-ignored/by-scheme", "unresponsive-app/refuses")
def test_a_channel_lost_in_mid_shutdown_misleads_nobody(scenario: Scenario, fault: Fault) -> None:
    """The service behind the channel stops just after the press, for a reason of its own."""
    target = boot_with_faults(scenario, fault)
    with _channel_lost_at_press(target.guest):
        scenario.press(target.guest, "press", fault.expected, degraded=True)


@pytest.mark.scenario("degraded", variant="credentials-rejected")
def test_a_guest_that_refuses_the_user_is_judged_from_outside(scenario: Scenario) -> None:
    """It answers, so it is alive; what the inside would have told is said to be missing."""
    wrong = _wrong_password(scenario.image)
    fault = fault_named("power-button-ignored/by-scheme")
    assert fault.remedy is not None
    target = boot_with_faults(scenario, fault)
    guest = target.guest
    with guest.logged_on_as(wrong):
        verdict = scenario.press(guest, "press", fault.expected, degraded=True)
    told = [evidence.raw for evidence in verdict.evidence if evidence.source is Source.HARNESS]
    assert any("could not be asked" in line for line in told), told
    fault.remedy(target)
    with guest.logged_on_as(wrong):
        verdict = scenario.press(guest, "press after the remedy", COMPLETED, degraded=True)
    assert verdict.outcome is Outcome.COMPLETED


def _wrong_password(image: Image) -> Credentials:
    right = image.control.credentials
    if right is None:
        pytest.skip("the image's control channel asks nobody for a password")
    return replace(right, password=f"not {right.password}")


@contextmanager
def _channel_lost_at_press(guest: Guest) -> Iterator[None]:
    """Stop the service behind the control channel as soon as the button is pressed.

    The test fails if that could not be done: then it would have shown nothing.
    """
    channel = guest.open_channel()
    assert channel is not None, "the fault was injected through a control channel"
    service = _SERVICES[guest.machine.image.control.transport]
    since = now()
    said = ["the button was not pressed"]

    def stop() -> None:
        deadline = Deadline.after(_PRESS_SECONDS)
        pressed = guest.machine.events.wait(named("POWERDOWN"), deadline, since)
        if pressed is None or pressed.name != "POWERDOWN":
            return
        said.clear()
        # The answer may go with the service.
        with suppress(PowerdownError):
            command = service_commands.stop_service(service)
            result = channel.run(command, Deadline.after(_STOP_SECONDS))
            if result.exit_code != 0:
                said.append(f"{result.output} {result.error_output}")

    thread = threading.Thread(target=stop, name="stop-channel", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # Not pressed, it waits for the end of the guest.
        thread.join(2 * _STOP_SECONDS)
        channel.close()
    assert not said, f"the channel was not taken away: {said[0]}"
