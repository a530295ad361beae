from __future__ import annotations

import pytest

from powerdown.faults.fault import COMPLETED, Fault
from powerdown.faults.power_button_ignored import VARIANTS
from powerdown.guest.windows import Windows
from powerdown.windows.settings.button_settings import ButtonAction
from powerdown.windows.settings.stored_value import PowerSource
from tests.support.fake_target import FakeTarget

BY_NAME = {fault.variant: fault for fault in VARIANTS}
IGNORING = [fault for fault in VARIANTS if fault.expected != (COMPLETED,)]

every_ignoring_variant = pytest.mark.parametrize("fault", IGNORING, ids=lambda f: f.variant)


@every_ignoring_variant
def test_the_button_does_not_shut_down_until_the_remedy(
    fault: Fault, target: FakeTarget, windows: Windows
) -> None:
    assert windows.baseline().button.effective() is ButtonAction.SHUT_DOWN
    fault.inject(target)
    action = ButtonAction.DISPLAY_OFF if fault.variant == "display-off" else ButtonAction.NOTHING
    assert windows.baseline().button.effective(PowerSource.AC) is action
    assert fault.remedy is not None
    fault.remedy(target)
    for source in PowerSource:
        assert windows.baseline().button.effective(source) is ButtonAction.SHUT_DOWN


@pytest.mark.parametrize("variant", ["by-scheme", "by-default", "by-policy", "display-off"])
def test_both_sources_of_power_are_set(variant: str, target: FakeTarget) -> None:
    BY_NAME[variant].inject(target)
    button = target.windows.baseline().button
    assert button.effective(PowerSource.DC) is button.effective(PowerSource.AC)


@every_ignoring_variant
def test_injecting_twice_is_as_good_as_once(fault: Fault, target: FakeTarget) -> None:
    fault.inject(target)
    once = target.windows.baseline().button
    fault.inject(target)
    assert target.windows.baseline().button == once


def test_only_the_policy_variant_sets_a_policy(target: FakeTarget) -> None:
    BY_NAME["by-scheme"].inject(target)
    assert target.windows.baseline().button.policy == {}
    BY_NAME["by-policy"].inject(target)
    assert target.windows.baseline().button.policy[PowerSource.AC] == ButtonAction.NOTHING


def test_the_default_variant_leaves_nothing_in_the_scheme_and_restarts(
    target: FakeTarget,
) -> None:
    BY_NAME["by-scheme"].inject(target)
    BY_NAME["by-default"].inject(target)
    assert target.done == ["restart"]
    schemes = r"HKLM\SYSTEM\CurrentControlSet\Control\Power\User\PowerSchemes"
    printed = target.windows.run(f'reg query "{schemes}" /s').checked().output.lower()
    assert "7648efa3-dd9c-4e3e-b566-50f929386280" not in printed


def test_a_battery_alone_is_no_reason(target: FakeTarget) -> None:
    BY_NAME["dc-against-ac"].inject(target)
    button = target.windows.baseline().button
    assert button.effective(PowerSource.DC) is ButtonAction.NOTHING
    assert button.effective(PowerSource.AC) is ButtonAction.SHUT_DOWN


def test_the_display_is_lit_before_the_next_press(target: FakeTarget) -> None:
    remedy = BY_NAME["display-off"].remedy
    assert remedy is not None
    remedy(target)
    assert target.machine.keys == [("shift",)]
