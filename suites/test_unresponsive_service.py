"""A service does not stop."""

from __future__ import annotations

import pytest

from powerdown.faults import unresponsive_service
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import run_fault_cycle
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("unresponsive-service")
@pytest.mark.parametrize("fault", unresponsive_service.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """A service that holds the shutdown up is named, and one that runs out of time is not."""
    run_fault_cycle(scenario, fault)
