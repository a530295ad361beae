"""The guest sleeps, or is put to sleep instead."""

from __future__ import annotations

import pytest

from powerdown.faults import asleep
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import run_fault_cycle
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("asleep")
@pytest.mark.parametrize("fault", asleep.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """Sleep is named, told apart from a shutdown and undone."""
    run_fault_cycle(scenario, fault)
