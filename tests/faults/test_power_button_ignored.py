from __future__ import annotations

import pytest

from harness.faults.power_button_ignored import VARIANTS, PowerButtonIgnored
from harness.guest.commands import ButtonAction, PowerSource
from harness.guest.windows import Windows

every_variant = pytest.mark.parametrize("fault", VARIANTS, ids=lambda fault: fault.variant)


@every_variant
def test_the_button_does_nothing_until_the_remedy(
    fault: PowerButtonIgnored, windows: Windows
) -> None:
    assert windows.power_button().effective() is ButtonAction.SHUT_DOWN
    fault.inject(windows)
    for source in PowerSource:
        assert windows.power_button().effective(source) is ButtonAction.NOTHING
    fault.remedy(windows)
    for source in PowerSource:
        assert windows.power_button().effective(source) is ButtonAction.SHUT_DOWN


@every_variant
def test_injecting_twice_is_as_good_as_once(fault: PowerButtonIgnored, windows: Windows) -> None:
    fault.inject(windows)
    fault.inject(windows)
    assert windows.power_button().effective() is ButtonAction.NOTHING


def test_variants_differ_in_name_and_place(windows: Windows) -> None:
    assert len({fault.variant for fault in VARIANTS}) == len(VARIANTS)
    by_scheme, by_policy = VARIANTS
    by_scheme.inject(windows)
    assert windows.power_button().policy == {}
    by_scheme.remedy(windows)
    by_policy.inject(windows)
    assert windows.power_button().scheme[PowerSource.AC] == ButtonAction.SHUT_DOWN
