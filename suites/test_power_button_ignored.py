"""The power button is set to something else."""

from __future__ import annotations

import pytest

from powerdown import Fault, Scenario, find_faults, run_fault_cycle


@pytest.mark.powerdown_scenario("power-button-ignored")
@pytest.mark.parametrize(
    "fault", find_faults("power-button-ignored"), ids=lambda fault: fault.variant
)
def test_named_and_remedied(powerdown_scenario: Scenario, fault: Fault) -> None:
    """The setting in effect is named, wherever it comes from."""
    run_fault_cycle(powerdown_scenario, fault)
