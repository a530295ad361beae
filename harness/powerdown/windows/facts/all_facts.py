"""All facts, by section and by id."""

from __future__ import annotations

from powerdown.windows.facts import (
    application_facts,
    channel_facts,
    damage_facts,
    disk_facts,
    forced_stop_facts,
    libvirt_facts,
    logon_facts,
    order_facts,
    power_facts,
    press_facts,
    sleep_facts,
    tracker_facts,
    update_facts,
)
from powerdown.windows.facts.fact import Fact

SECTIONS: tuple[tuple[str, tuple[Fact, ...]], ...] = (
    ("The power button between QEMU and Windows", press_facts.FACTS),
    ("The order of a shutdown", order_facts.FACTS),
    ("Update work", update_facts.FACTS),
    ("Shutdown Event Tracker", tracker_facts.FACTS),
    ("Logon and display", logon_facts.FACTS),
    ("Applications and services", application_facts.FACTS),
    ("What the power button does", power_facts.FACTS),
    ("Sleep, hibernation, fast startup", sleep_facts.FACTS),
    ("Damage", damage_facts.FACTS),
    ("Forced stops", forced_stop_facts.FACTS),
    ("The disk at rest", disk_facts.FACTS),
    ("Control channels", channel_facts.FACTS),
    ("libvirt", libvirt_facts.FACTS),
)
"""Title and facts, in the order of ``docs/windows-facts.md``."""

_BY_ID = {fact.id: fact for _, facts in SECTIONS for fact in facts}


def fact(id: str) -> Fact:
    """The fact of this id.

    :raise KeyError: there is none.
    """
    return _BY_ID[id]
