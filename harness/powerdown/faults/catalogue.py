"""Every failure that can be provoked, in the order of ``docs/scenarios.md``."""

from __future__ import annotations

from powerdown.faults import (
    asleep,
    damaged_system,
    event_tracker,
    no_logon_shutdown,
    power_button_ignored,
    unresponsive_app,
    unresponsive_service,
    windows_update,
)
from powerdown.faults.fault import Fault

CATALOGUE: tuple[Fault, ...] = (
    *windows_update.VARIANTS,
    *event_tracker.VARIANTS,
    *no_logon_shutdown.VARIANTS,
    *unresponsive_app.VARIANTS,
    *unresponsive_service.VARIANTS,
    *power_button_ignored.VARIANTS,
    *asleep.VARIANTS,
    *damaged_system.VARIANTS,
)
"""All variants of all failures."""


def find_faults(scenario: str) -> tuple[Fault, ...]:
    """The variants of one failure, by its id in ``docs/scenarios.md``, such as ``asleep``.

    :raise ValueError: there is no such failure.
    """
    found = tuple(fault for fault in CATALOGUE if fault.scenario == scenario)
    if not found:
        known = ", ".join(dict.fromkeys(str(fault.scenario) for fault in CATALOGUE))
        raise ValueError(f"there is no failure {scenario!r}; there are {known}")
    return found


def find_fault(name: str) -> Fault:
    """One fault, by failure and variant, such as ``asleep/already-asleep``.

    :raise ValueError: there is no such fault.
    """
    scenario = name.partition("/")[0]
    for fault in find_faults(scenario):
        if str(fault) == name:
            return fault
    known = ", ".join(str(fault) for fault in find_faults(scenario))
    raise ValueError(f"there is no fault {name!r}; there are {known}")
