"""The guest sleeps, or is put to sleep instead."""

from __future__ import annotations

import pytest

from powerdown import Fault, Scenario, find_faults, run_fault_cycle


@pytest.mark.powerdown_scenario("asleep")
@pytest.mark.parametrize("fault", find_faults("asleep"), ids=lambda fault: fault.variant)
def test_named_and_remedied(powerdown_scenario: Scenario, fault: Fault) -> None:
    """Sleep is named, told apart from a shutdown and undone."""
    run_fault_cycle(powerdown_scenario, fault)
