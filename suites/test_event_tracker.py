"""The Shutdown Event Tracker waits for an answer."""

from __future__ import annotations

import pytest

from powerdown import Fault, Scenario, find_faults, run_fault_cycle


@pytest.mark.powerdown_scenario("event-tracker")
@pytest.mark.parametrize("fault", find_faults("event-tracker"), ids=lambda fault: fault.variant)
def test_named_and_remedied(powerdown_scenario: Scenario, fault: Fault) -> None:
    """The tracker's dialog is named when it is open, and not when the policy alone is on."""
    run_fault_cycle(powerdown_scenario, fault)
