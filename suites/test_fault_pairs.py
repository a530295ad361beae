"""Two failures at once: the one that holds is named, the other mentioned."""

from __future__ import annotations

import pytest

from powerdown import FaultPair, Scenario, boot_with_faults, sensible_pairs


@pytest.mark.powerdown_scenario("fault-pairs")
@pytest.mark.parametrize("pair", sensible_pairs(), ids=lambda pair: pair.variant)
def test_the_one_that_holds_is_named(powerdown_scenario: Scenario, pair: FaultPair) -> None:
    """What comes first in the chain is blamed; what its settings show besides is also seen."""
    target = boot_with_faults(powerdown_scenario, *pair.injected)
    verdict = powerdown_scenario.press(target.guest, "press with both", pair.expected)
    named = {verdict.cause, *(cause for cause, _ in verdict.also_seen)}
    assert pair.mentions <= named, f"not mentioned: {', '.join(pair.mentions - named)}"
