"""Failure 4 of the mission: a service does not stop."""

from __future__ import annotations

import pytest

from harness.fault_course import run_course
from harness.faults import unresponsive_service
from harness.faults.fault import Fault
from harness.scenario import Scenario


@pytest.mark.scenario("unresponsive-service", mission=4)
@pytest.mark.parametrize("fault", unresponsive_service.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """A service that holds the shutdown up is named, and one that runs out of time is not."""
    run_course(scenario, fault)
