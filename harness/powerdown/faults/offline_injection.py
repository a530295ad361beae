"""Injecting faults into a guest that is off, and remedying them likewise.

The remedy is written offline only where the guest can be shut down in order first. After a power
cut the newest writes of Windows may be in logs alone, its own and NTFS's, that it applies at the
next start (fact:newest-writes); such a guest is started and remedied online.
"""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.core.errors import DeadlineExpired, NotOnThisGuest
from powerdown.disk.offline_registry import DiskInUse
from powerdown.faults.fault import Fault
from powerdown.faults.offline import Offline, OnlineOnly
from powerdown.faults.scenario_target import ScenarioTarget
from powerdown.scenario.scenario import Scenario


def boot_injected(scenario: Scenario, faults: Iterable[Fault]) -> ScenarioTarget:
    """Write the settings of these faults to a fresh overlay, boot it, and do what else they take.

    :raise NotOnThisGuest: one of them cannot be injected offline.
    :raise DiskError: the disk's registry cannot be changed.
    """
    __tracebackhide__ = True
    plans = [_offline(fault) for fault in faults]
    edits = tuple(edit for plan in plans for edit in plan.edits(scenario.image))
    target = ScenarioTarget(scenario)
    target.boot_edited(edits)
    scenario.note(target.guest, "inject", {"offline": f"{len(edits)} changes"})
    for plan in plans:
        plan.then(target)
    return target


def remedy_offline(scenario: Scenario, target: ScenarioTarget, fault: Fault) -> bool:
    """Undo the fault's settings while the guest is off, and start it again.

    :return: whether it could be done; if not, the guest is up and the fault is still in it.
    """
    plan = _offline(fault)
    if plan.remedy is None:
        return False
    edits = plan.remedy(target.image)
    try:
        target.shut_down()
        target.edit(edits)
    except (DeadlineExpired, DiskInUse) as error:
        target.boot_again()
        scenario.note(target.guest, "remedy", {"remedied": "online", "because": error.actual})
        return False
    target.boot_again()
    scenario.note(target.guest, "remedy", {"remedied": "offline"})
    plan.then_again(target)
    return True


def _offline(fault: Fault) -> Offline:
    if isinstance(fault.offline, OnlineOnly):
        raise NotOnThisGuest(
            f"inject {fault} offline", fault.offline.reason, "Inject it online instead."
        )
    return fault.offline
