"""The course of every failure scenario: inject, press, name the cause, remedy, press again."""

from __future__ import annotations

import pytest

from harness.faults.fault import COMPLETED, Fault, NotOnThisGuest, Recovery, Trigger
from harness.scenario import Scenario
from harness.scenario_guest import ScenarioGuest

PRESS_WITH_FAULT = "press with the fault"
PRESS_AFTER_REMEDY = "press after the remedy"


def run_course(scenario: Scenario, fault: Fault) -> None:
    """Provoke ``fault``, see it named, remedy it and see the next press complete.

    A guest that a fault cannot be provoked on skips the test, saying why.
    """
    __tracebackhide__ = True
    subject = ScenarioGuest(scenario)
    inject(subject, fault)
    attempt(scenario, subject, fault)
    if fault.remedy is not None:
        _remedy(scenario, subject, fault)
        scenario.press(subject.guest, PRESS_AFTER_REMEDY, COMPLETED)


def inject(subject: ScenarioGuest, fault: Fault) -> None:
    """Provoke ``fault``, or skip the test."""
    __tracebackhide__ = True
    missing = fault.missing(subject.image)
    if missing is not None:
        pytest.skip(missing)
    try:
        fault.inject(subject)
    except NotOnThisGuest as error:
        pytest.skip(f"cannot be provoked here: {error}")


def attempt(scenario: Scenario, subject: ScenarioGuest, fault: Fault) -> None:
    """Ask the guest to shut down as ``fault`` says, and assert the verdict."""
    __tracebackhide__ = True
    if fault.trigger is Trigger.INSIDE:
        scenario.command_inside(subject.guest, fault.command, fault.command, fault.expected)
    else:
        scenario.press(subject.guest, PRESS_WITH_FAULT, fault.expected)


def _remedy(scenario: Scenario, subject: ScenarioGuest, fault: Fault) -> None:
    """Bring the guest to where it can be asked, and remedy it."""
    assert fault.remedy is not None
    if fault.recovery is Recovery.FINISH:
        subject.wait_until_ended()
    subject.get_up()
    if fault.recovery is Recovery.POWER_CUT:
        subject.boot_again()
    fault.remedy(subject)
    if fault.recovery is Recovery.PENDING:
        # Where Windows had given the shutdown up, the guest is still there and is pressed as it is.
        pending = "went on" if subject.ends_soon() else "given up"
        scenario.note(subject.guest, "remedy", {"pending": pending})
        subject.get_up()
