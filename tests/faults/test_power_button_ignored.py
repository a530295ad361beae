from __future__ import annotations

import pytest

from powerdown.faults.fault import COMPLETED, Fault
from powerdown.faults.power_button_ignored import VARIANTS
from powerdown.guest.windows import Windows
from powerdown.windows.commands import ButtonAction, PowerSource
from tests.faults.fake_subject import FakeSubject

BY_NAME = {fault.variant: fault for fault in VARIANTS}
IGNORING = [fault for fault in VARIANTS if fault.expected != (COMPLETED,)]

every_ignoring_variant = pytest.mark.parametrize("fault", IGNORING, ids=lambda f: f.variant)


@every_ignoring_variant
def test_the_button_does_not_shut_down_until_the_remedy(
    fault: Fault, subject: FakeSubject, windows: Windows
) -> None:
    assert windows.survey().button.effective() is ButtonAction.SHUT_DOWN
    fault.inject(subject)
    action = ButtonAction.DISPLAY_OFF if fault.variant == "display-off" else ButtonAction.NOTHING
    assert windows.survey().button.effective(PowerSource.AC) is action
    assert fault.remedy is not None
    fault.remedy(subject)
    for source in PowerSource:
        assert windows.survey().button.effective(source) is ButtonAction.SHUT_DOWN


@pytest.mark.parametrize("variant", ["by-scheme", "by-default", "by-policy", "display-off"])
def test_both_sources_of_power_are_set(variant: str, subject: FakeSubject) -> None:
    BY_NAME[variant].inject(subject)
    button = subject.windows.survey().button
    assert button.effective(PowerSource.DC) is button.effective(PowerSource.AC)


@every_ignoring_variant
def test_injecting_twice_is_as_good_as_once(fault: Fault, subject: FakeSubject) -> None:
    fault.inject(subject)
    once = subject.windows.survey().button
    fault.inject(subject)
    assert subject.windows.survey().button == once


def test_only_the_policy_variant_sets_a_policy(subject: FakeSubject) -> None:
    BY_NAME["by-scheme"].inject(subject)
    assert subject.windows.survey().button.policy == {}
    BY_NAME["by-policy"].inject(subject)
    assert subject.windows.survey().button.policy[PowerSource.AC] == ButtonAction.NOTHING


def test_the_default_variant_leaves_nothing_in_the_scheme_and_restarts(
    subject: FakeSubject,
) -> None:
    BY_NAME["by-scheme"].inject(subject)
    BY_NAME["by-default"].inject(subject)
    assert subject.done == ["restart"]
    schemes = r"HKLM\SYSTEM\CurrentControlSet\Control\Power\User\PowerSchemes"
    printed = subject.windows.run(f'reg query "{schemes}" /s').checked().output.lower()
    assert "7648efa3-dd9c-4e3e-b566-50f929386280" not in printed


def test_a_battery_alone_is_no_reason(subject: FakeSubject) -> None:
    BY_NAME["dc-against-ac"].inject(subject)
    button = subject.windows.survey().button
    assert button.effective(PowerSource.DC) is ButtonAction.NOTHING
    assert button.effective(PowerSource.AC) is ButtonAction.SHUT_DOWN


def test_the_display_is_lit_before_the_next_press(subject: FakeSubject) -> None:
    remedy = BY_NAME["display-off"].remedy
    assert remedy is not None
    remedy(subject)
    assert subject.machine.keys == [("shift",)]
