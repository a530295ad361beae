"""Update work prolongs the shutdown."""

from __future__ import annotations

import pytest

from powerdown import Fault, Scenario, find_faults, run_fault_cycle


@pytest.mark.powerdown_scenario("windows-update")
@pytest.mark.parametrize("fault", find_faults("windows-update"), ids=lambda fault: fault.variant)
def test_named_and_remedied(powerdown_scenario: Scenario, fault: Fault) -> None:
    """Update work is named when it holds a shutdown up, and not when only its marks are there."""
    run_fault_cycle(powerdown_scenario, fault)
