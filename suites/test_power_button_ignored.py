"""Failure 5 of the mission: the power button is set to do nothing."""

from __future__ import annotations

import pytest

from harness.diagnosis.verdict import Cause, Outcome
from harness.faults import power_button_ignored
from harness.scenario import Expectation, Scenario

IGNORED = Expectation(Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED)
COMPLETED = Expectation(Outcome.COMPLETED, Cause.NONE)


@pytest.mark.scenario("power-button-ignored", mission=5)
@pytest.mark.parametrize("fault", power_button_ignored.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(
    scenario: Scenario, fault: power_button_ignored.PowerButtonIgnored
) -> None:
    """The cause is named; after the remedy the next press completes."""
    guest = scenario.boot()
    fault.inject(guest.inside)
    scenario.press(guest, "press with the fault", IGNORED)
    fault.remedy(guest.inside)
    scenario.press(guest, "press after the remedy", COMPLETED)
