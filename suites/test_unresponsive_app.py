"""A program does not agree to end."""

from __future__ import annotations

import pytest

from powerdown.faults import unresponsive_app
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import run_fault_cycle
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("unresponsive-app")
@pytest.mark.parametrize("fault", unresponsive_app.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """A program that holds the shutdown up is named, and one that Windows ends is not."""
    run_fault_cycle(scenario, fault)
