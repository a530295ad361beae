"""Injecting faults into a guest that is off, and remedying them so.

The remedy is written offline only where the guest can be shut down in order first. After a power
cut the newest writes of Windows may be in logs alone, its own and NTFS's, that it applies at the
next start (fact sheet, "Offline"); such a guest is started and remedied online.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from powerdown.core.errors import DeadlineExpired
from powerdown.disk.hive.hive_edit import DiskInUse
from powerdown.faults.fault import Fault
from powerdown.faults.fault_target import ScenarioGuest
from powerdown.faults.offline import Offline, OnlineOnly
from powerdown.scenario.scenario import Scenario


def inject_offline(scenario: Scenario, subject: ScenarioGuest, faults: Iterable[Fault]) -> None:
    """Write the settings of these faults to a fresh overlay, start it, and do what else they take.

    Skips the test where one of them cannot be injected so.
    """
    __tracebackhide__ = True
    plans = [_offline(fault) for fault in faults]
    edits = tuple(edit for plan in plans for edit in plan.edits(subject.image))
    subject.boot_edited(edits)
    scenario.note(subject.guest, "inject", {"offline": f"{len(edits)} changes"})
    for plan in plans:
        plan.then(subject)


def remedy_offline(scenario: Scenario, subject: ScenarioGuest, fault: Fault) -> bool:
    """Undo the fault's settings while the guest is off, and start it again.

    :return: whether it could be done; if not, the guest is up and the fault is still in it.
    """
    plan = _offline(fault)
    if plan.remedy is None:
        return False
    edits = plan.remedy(subject.image)
    try:
        subject.shut_down()
        subject.edit(edits)
    except (DeadlineExpired, DiskInUse) as error:
        subject.boot_again()
        scenario.note(subject.guest, "remedy", {"remedied": "online", "because": error.saw})
        return False
    subject.boot_again()
    scenario.note(subject.guest, "remedy", {"remedied": "offline"})
    plan.then_again(subject)
    return True


def _offline(fault: Fault) -> Offline:
    __tracebackhide__ = True
    if isinstance(fault.offline, OnlineOnly):
        pytest.skip(f"{fault.variant} cannot be injected offline: {fault.offline.reason}")
    return fault.offline
