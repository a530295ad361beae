"""The system is damaged, or something works against it."""

from __future__ import annotations

import pytest

from powerdown.faults import damaged_system
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import run_fault_cycle
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("damaged-system")
@pytest.mark.parametrize("fault", damaged_system.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """Damage is named, and what does not stand in a shutdown's way is not."""
    run_fault_cycle(scenario, fault)
