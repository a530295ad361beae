"""Update work prolongs the shutdown."""

from __future__ import annotations

import pytest

from powerdown.faults import windows_update
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import run_fault_cycle
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("windows-update")
@pytest.mark.parametrize("fault", windows_update.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """Update work is named when it holds a shutdown up, and not when only its marks are there."""
    run_fault_cycle(scenario, fault)
