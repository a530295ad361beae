"""The power button is set to something else."""

from __future__ import annotations

import pytest

from powerdown.faults import power_button_ignored
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import run_fault_cycle
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("power-button-ignored")
@pytest.mark.parametrize("fault", power_button_ignored.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """The setting in effect is named, wherever it comes from."""
    run_fault_cycle(scenario, fault)
