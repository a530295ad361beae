"""Where the inside cannot be seen: no control channel, one that is refused, one that is lost.

The answer may then be less sure, or that there is none; never may it be wrong and confident. What
shows from outside must still be named.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from powerdown import (
    Cause,
    Expected,
    Fault,
    Outcome,
    Scenario,
    Source,
    boot_with_faults,
    channel_lost_at_press,
    find_fault,
)

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)


def of(*names: str) -> pytest.MarkDecorator:
    faults = [find_fault(name) for name in names]
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.variant)


@pytest.mark.powerdown_scenario("degraded", variant="agentless")
@of("asleep/already-asleep", "asleep/button-hibernates", "damaged-system/hang")
def test_what_shows_from_outside_is_named(powerdown_scenario: Scenario, fault: Fault) -> None:
    """Sleep, hibernation, a hang: registers, run state and events are enough."""
    target = boot_with_faults(powerdown_scenario, fault)
    verdict = powerdown_scenario.press(target.guest, "press", fault.expected, agentless=True)
    assert Expected(verdict.outcome, verdict.cause) in fault.expected


@pytest.mark.powerdown_scenario("degraded", variant="agentless")
@of("unresponsive-app/refuses")
def test_what_the_screen_tells_is_named(powerdown_scenario: Scenario, fault: Fault) -> None:
    """Windows' own screen tells of a program in the way, where it can be read."""
    target = boot_with_faults(powerdown_scenario, fault)
    verdict = powerdown_scenario.press(target.guest, "press", fault.expected, agentless=True)
    text = " ".join(e.raw for e in verdict.evidence if e.source is Source.SCREEN)
    if "shut" not in text.lower():
        pytest.skip("the screen could not be read: no tesseract, or no English text")
    assert Expected(verdict.outcome, verdict.cause) in fault.expected


@pytest.mark.powerdown_scenario("degraded", variant="agentless")
@of("power-button-ignored/by-scheme", "event-tracker/dialog-open", "windows-update/finishes")
def test_what_only_the_inside_tells_is_left_open(
    powerdown_scenario: Scenario, fault: Fault
) -> None:
    """A press that was taken and had no effect, or a late one, has too many causes to name one."""
    target = boot_with_faults(powerdown_scenario, fault)
    powerdown_scenario.press(target.guest, "press", fault.expected, agentless=True)


@pytest.mark.powerdown_scenario("degraded", variant="channel-lost")
@of("power-button-ignored/by-scheme", "unresponsive-app/refuses")
def test_a_channel_lost_in_mid_shutdown_misleads_nobody(
    powerdown_scenario: Scenario, fault: Fault
) -> None:
    """The service behind the channel stops just after the press, for a reason of its own."""
    target = boot_with_faults(powerdown_scenario, fault)
    with channel_lost_at_press(target.guest):
        powerdown_scenario.press(target.guest, "press", fault.expected, degraded=True)


@pytest.mark.powerdown_scenario("degraded", variant="credentials-rejected")
def test_a_guest_that_refuses_the_user_is_judged_from_outside(powerdown_scenario: Scenario) -> None:
    """It answers, so it is alive; what the inside would have told is said to be missing."""
    right = powerdown_scenario.image.control.credentials
    if right is None:
        pytest.skip("the image's control channel takes no password")
    wrong = replace(right, password=f"not {right.password}")
    fault = find_fault("power-button-ignored/by-scheme")
    assert fault.remedy is not None
    target = boot_with_faults(powerdown_scenario, fault)
    guest = target.guest
    with guest.logged_on_as(wrong):
        verdict = powerdown_scenario.press(guest, "press", fault.expected, degraded=True)
    told = [evidence.raw for evidence in verdict.evidence if evidence.source is Source.HARNESS]
    assert any("could not be asked" in line for line in told), told
    fault.remedy(target)
    with guest.logged_on_as(wrong):
        verdict = powerdown_scenario.press(
            guest, "press after the remedy", COMPLETED, degraded=True
        )
    assert verdict.outcome is Outcome.COMPLETED
