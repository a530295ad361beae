"""The Shutdown Event Tracker waits for an answer."""

from __future__ import annotations

import pytest

from powerdown.faults import event_tracker
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import run_fault_cycle
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("event-tracker")
@pytest.mark.parametrize("fault", event_tracker.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """The tracker's dialog is named when it is open, and not when the policy alone is on."""
    run_fault_cycle(scenario, fault)
