"""The system is damaged, or something works against it."""

from __future__ import annotations

import pytest

from powerdown import Fault, Scenario, find_faults, run_fault_cycle


@pytest.mark.powerdown_scenario("damaged-system")
@pytest.mark.parametrize("fault", find_faults("damaged-system"), ids=lambda fault: fault.variant)
def test_named_and_remedied(powerdown_scenario: Scenario, fault: Fault) -> None:
    """Damage is named, and what does not stand in a shutdown's way is not."""
    run_fault_cycle(powerdown_scenario, fault)
