"""A service does not stop."""

from __future__ import annotations

import pytest

from powerdown import Fault, Scenario, find_faults, run_fault_cycle


@pytest.mark.powerdown_scenario("unresponsive-service")
@pytest.mark.parametrize(
    "fault", find_faults("unresponsive-service"), ids=lambda fault: fault.variant
)
def test_named_and_remedied(powerdown_scenario: Scenario, fault: Fault) -> None:
    """A service that holds the shutdown up is named, and one that runs out of time is not."""
    run_fault_cycle(powerdown_scenario, fault)
