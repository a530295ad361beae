"""The cycle of every failure scenario: boot, inject, press, name the cause, remedy, press again."""

from __future__ import annotations

from powerdown.core.errors import NotOnThisGuest
from powerdown.faults.fault import COMPLETED, Fault, Recovery, Trigger
from powerdown.faults.offline_injection import boot_injected, remedy_offline
from powerdown.faults.scenario_target import ScenarioTarget
from powerdown.scenario.injection import Injection
from powerdown.scenario.scenario import Scenario

PRESS_WITH_FAULT = "press with the fault"
PRESS_AFTER_REMEDY = "press after the remedy"


def run_fault_cycle(scenario: Scenario, fault: Fault) -> None:
    """Provoke ``fault``, see it diagnosed, remedy it and see the next press complete.

    :raise NotOnThisGuest: it cannot be provoked on this guest.
    :raise UnexpectedVerdict: a diagnosis is not the expected one.
    """
    __tracebackhide__ = True
    target = boot_with_faults(scenario, fault)
    _shut_down(scenario, target, fault)
    if fault.remedy is None:
        return
    if _without_channel(scenario, target):
        why_not = (
            "no: that needs a control channel, to shut the guest down or to change its settings"
        )
        scenario.note(target.guest, "remedy", {"remedied": why_not})
        return
    _remedy(scenario, target, fault)
    scenario.press(target.guest, PRESS_AFTER_REMEDY, COMPLETED)


def boot_with_faults(scenario: Scenario, *faults: Fault) -> ScenarioTarget:
    """Boot a guest and provoke these faults in it, in this order.

    :raise NotOnThisGuest: one of them cannot be provoked on this guest.
    """
    __tracebackhide__ = True
    for fault in faults:
        missing = fault.missing(scenario.image)
        if missing is not None:
            raise NotOnThisGuest(f"provoke {fault}", missing, "Test another image with it.")
    if scenario.injection is Injection.OFFLINE:
        return boot_injected(scenario, faults)
    target = ScenarioTarget(scenario, None if faults[0].boots_itself else scenario.boot())
    for fault in faults:
        fault.inject(target)
    return target


def _shut_down(scenario: Scenario, target: ScenarioTarget, fault: Fault) -> None:
    """Ask the guest to shut down as ``fault`` says, and assert the verdict."""
    __tracebackhide__ = True
    if fault.trigger is Trigger.INSIDE:
        scenario.command_inside(target.guest, fault.command, fault.command, fault.expected)
    else:
        blind = _without_channel(scenario, target)
        scenario.press(target.guest, PRESS_WITH_FAULT, fault.expected, degraded=blind)


def _without_channel(scenario: Scenario, target: ScenarioTarget) -> bool:
    """Whether the inside cannot be asked: what is written to the disk needs no control channel."""
    return scenario.injection is Injection.OFFLINE and target.guest.windows is None


def _remedy(scenario: Scenario, target: ScenarioTarget, fault: Fault) -> None:
    """Bring the guest to where it can be asked, and remedy the fault."""
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
