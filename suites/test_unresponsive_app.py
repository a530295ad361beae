"""A program does not agree to end."""

from __future__ import annotations

import pytest

from powerdown import Fault, Scenario, find_faults, run_fault_cycle


@pytest.mark.powerdown_scenario("unresponsive-app")
@pytest.mark.parametrize("fault", find_faults("unresponsive-app"), ids=lambda fault: fault.variant)
def test_named_and_remedied(powerdown_scenario: Scenario, fault: Fault) -> None:
    """A program that holds the shutdown up is named, and one that Windows ends is not."""
    run_fault_cycle(powerdown_scenario, fault)
