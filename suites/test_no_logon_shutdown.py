"""Nobody is logged on, and then nobody may shut down."""

from __future__ import annotations

import pytest

from powerdown import Fault, Scenario, find_faults, run_fault_cycle


@pytest.mark.powerdown_scenario("no-logon-shutdown")
@pytest.mark.parametrize("fault", find_faults("no-logon-shutdown"), ids=lambda fault: fault.variant)
def test_named_and_remedied(powerdown_scenario: Scenario, fault: Fault) -> None:
    """The policy is named only where nobody is logged on and it forbids."""
    run_fault_cycle(powerdown_scenario, fault)
