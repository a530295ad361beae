"""Failure 5 of the mission: the power button is set to do nothing."""

from __future__ import annotations

import pytest

from harness.diagnosis.verdict import Cause, Outcome
from harness.faults import power_button_ignored
from harness.report.scenario_record import Expected
from harness.scenario import Scenario

IGNORED = Expected(Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED)
COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)


@pytest.mark.scenario("power-button-ignored", mission=5)
@pytest.mark.parametrize("fault", power_button_ignored.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(
    scenario: Scenario, fault: power_button_ignored.PowerButtonIgnored
) -> None:
    """The cause is named; after the remedy the next press completes."""
    guest = scenario.boot()
    fault.inject(scenario.inside(guest))
    scenario.press(guest, "press with the fault", IGNORED)
    fault.remedy(scenario.inside(guest))
    scenario.press(guest, "press after the remedy", COMPLETED)
