"""The course of every failure scenario: inject, press, name the cause, remedy, press again."""

from __future__ import annotations

import pytest

from powerdown.faults.fault import COMPLETED, Fault, NotOnThisGuest, Recovery, Trigger
from powerdown.faults.fault_target import ScenarioGuest
from powerdown.faults.offline_injection import inject_offline, remedy_offline
from powerdown.scenario.injection import Injection
from powerdown.scenario.scenario import Scenario

PRESS_WITH_FAULT = "press with the fault"
PRESS_AFTER_REMEDY = "press after the remedy"


def run_course(scenario: Scenario, fault: Fault) -> None:
    """Provoke ``fault``, see it named, remedy it and see the next press complete.

    A guest that a fault cannot be provoked on skips the test, saying why.
    """
    __tracebackhide__ = True
    subject = ScenarioGuest(scenario)
    inject(scenario, subject, fault)
    attempt(scenario, subject, fault)
    if fault.remedy is None:
        return
    if _is_blind(scenario, subject):
        told = "no: that takes a control channel, to end the guest in order or to set it right"
        scenario.note(subject.guest, "remedy", {"remedied": told})
        return
    _remedy(scenario, subject, fault)
    scenario.press(subject.guest, PRESS_AFTER_REMEDY, COMPLETED)


def inject(scenario: Scenario, subject: ScenarioGuest, *faults: Fault) -> None:
    """Provoke these faults, in this order, or skip the test."""
    __tracebackhide__ = True
    for fault in faults:
        missing = fault.missing(subject.image)
        if missing is not None:
            pytest.skip(missing)
    try:
        if scenario.injection is Injection.OFFLINE:
            inject_offline(scenario, subject, faults)
            return
        for fault in faults:
            fault.inject(subject)
    except NotOnThisGuest as error:
        pytest.skip(f"cannot be provoked here: {error}")


def attempt(scenario: Scenario, subject: ScenarioGuest, fault: Fault) -> None:
    """Ask the guest to shut down as ``fault`` says, and assert the verdict."""
    __tracebackhide__ = True
    if fault.trigger is Trigger.INSIDE:
        scenario.command_inside(subject.guest, fault.command, fault.command, fault.expected)
    else:
        blind = _is_blind(scenario, subject)
        scenario.press(subject.guest, PRESS_WITH_FAULT, fault.expected, degraded=blind)


def _is_blind(scenario: Scenario, subject: ScenarioGuest) -> bool:
    """Whether nobody can look inside: what is written to the disk needs no control channel."""
    return scenario.injection is Injection.OFFLINE and subject.guest.windows is None


def _remedy(scenario: Scenario, subject: ScenarioGuest, fault: Fault) -> None:
    """Bring the guest to where it can be asked, and remedy it."""
    assert fault.remedy is not None
    if fault.recovery is Recovery.FINISH:
        subject.wait_until_ended()
    subject.get_up()
    if scenario.injection is Injection.OFFLINE and remedy_offline(scenario, subject, fault):
        return
    if fault.recovery is Recovery.POWER_CUT:
        subject.boot_again()
    fault.remedy(subject)
    if fault.recovery is Recovery.PENDING:
        # Where Windows had given the shutdown up, the guest is still there and is pressed as it is.
        pending = "went on" if subject.ends_soon() else "given up"
        scenario.note(subject.guest, "remedy", {"pending": pending})
        subject.get_up()
