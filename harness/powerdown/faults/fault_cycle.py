"""The course of every failure scenario: inject, press, name the cause, remedy, press again."""

from __future__ import annotations

import pytest

from powerdown.faults.fault import COMPLETED, Fault, NotOnThisGuest, Recovery, Trigger
from powerdown.faults.offline_injection import inject_offline, remedy_offline
from powerdown.faults.scenario_target import ScenarioTarget
from powerdown.scenario.injection import Injection
from powerdown.scenario.scenario import Scenario

PRESS_WITH_FAULT = "press with the fault"
PRESS_AFTER_REMEDY = "press after the remedy"


def run_fault_cycle(scenario: Scenario, fault: Fault) -> None:
    """Provoke ``fault``, see it named, remedy it and see the next press complete.

    A guest that a fault cannot be provoked on skips the test, saying why.
    """
    __tracebackhide__ = True
    target = ScenarioTarget(scenario)
    inject(scenario, target, fault)
    attempt(scenario, target, fault)
    if fault.remedy is None:
        return
    if _is_blind(scenario, target):
        told = "no: that takes a control channel, to end the guest in order or to set it right"
        scenario.note(target.guest, "remedy", {"remedied": told})
        return
    _remedy(scenario, target, fault)
    scenario.press(target.guest, PRESS_AFTER_REMEDY, COMPLETED)


def inject(scenario: Scenario, target: ScenarioTarget, *faults: Fault) -> None:
    """Provoke these faults, in this order, or skip the test."""
    __tracebackhide__ = True
    for fault in faults:
        missing = fault.missing(target.image)
        if missing is not None:
            pytest.skip(missing)
    try:
        if scenario.injection is Injection.OFFLINE:
            inject_offline(scenario, target, faults)
            return
        for fault in faults:
            fault.inject(target)
    except NotOnThisGuest as error:
        pytest.skip(f"cannot be provoked here: {error}")


def attempt(scenario: Scenario, target: ScenarioTarget, fault: Fault) -> None:
    """Ask the guest to shut down as ``fault`` says, and assert the verdict."""
    __tracebackhide__ = True
    if fault.trigger is Trigger.INSIDE:
        scenario.command_inside(target.guest, fault.command, fault.command, fault.expected)
    else:
        blind = _is_blind(scenario, target)
        scenario.press(target.guest, PRESS_WITH_FAULT, fault.expected, degraded=blind)


def _is_blind(scenario: Scenario, target: ScenarioTarget) -> bool:
    """Whether nobody can look inside: what is written to the disk needs no control channel."""
    return scenario.injection is Injection.OFFLINE and target.guest.windows is None


def _remedy(scenario: Scenario, target: ScenarioTarget, fault: Fault) -> None:
    """Bring the guest to where it can be asked, and remedy it."""
    assert fault.remedy is not None
    if fault.recovery is Recovery.FINISH:
        target.wait_until_ended()
    target.get_up()
    if scenario.injection is Injection.OFFLINE and remedy_offline(scenario, target, fault):
        return
    if fault.recovery is Recovery.POWER_CUT:
        target.boot_again()
    fault.remedy(target)
    if fault.recovery is Recovery.PENDING:
        # Where Windows had given the shutdown up, the guest is still there and is pressed as it is.
        pending = "went on" if target.ends_soon() else "given up"
        scenario.note(target.guest, "remedy", {"pending": pending})
        target.get_up()
