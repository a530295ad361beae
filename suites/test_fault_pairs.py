"""Two failures at once: the one that holds is named, the other mentioned."""

from __future__ import annotations

import pytest

from powerdown.faults.fault_cycle import boot_with_faults
from powerdown.faults.fault_pairs import Pair, sensible_pairs
from powerdown.scenario.scenario import Scenario


@pytest.mark.scenario("fault-pairs")
@pytest.mark.parametrize("pair", sensible_pairs(), ids=lambda pair: pair.variant)
def test_the_one_that_holds_is_named(scenario: Scenario, pair: Pair) -> None:
    """What comes first in the chain is blamed; what its settings show besides is also seen."""
    target = boot_with_faults(scenario, *pair.injected)
    verdict = scenario.press(target.guest, "press with both", pair.expected)
    named = {verdict.cause, *(cause for cause, _ in verdict.also_seen)}
    assert pair.mentions <= named, f"not mentioned: {', '.join(pair.mentions - named)}"
