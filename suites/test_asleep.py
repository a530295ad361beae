"""Failure 6 of the mission: the guest sleeps, or is put to sleep instead."""

from __future__ import annotations

import pytest

from powerdown.faults import asleep
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import run_course
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("asleep", mission=6)
@pytest.mark.parametrize("fault", asleep.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """Sleep is named, told apart from a shutdown and undone."""
    run_course(scenario, fault)
