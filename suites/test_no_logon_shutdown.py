"""Nobody is logged on, and then nobody may shut down."""

from __future__ import annotations

import pytest

from powerdown.faults import no_logon_shutdown
from powerdown.faults.fault import Fault
from powerdown.faults.fault_cycle import run_fault_cycle
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("no-logon-shutdown")
@pytest.mark.parametrize("fault", no_logon_shutdown.VARIANTS, ids=lambda fault: fault.variant)
def test_named_and_remedied(scenario: Scenario, fault: Fault) -> None:
    """The policy is named only where nobody is logged on and it forbids."""
    run_fault_cycle(scenario, fault)
