"""All facts, in the sections and the order of ``docs/windows-facts.md``."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

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


@dataclass(frozen=True)
class Section:
    """The facts about one subject.

    :param title: its heading.
    :param facts: in the order of their definition.
    """

    title: str
    facts: tuple[Fact, ...]


def _section(title: str, module: ModuleType) -> Section:
    return Section(title, tuple(each for each in vars(module).values() if isinstance(each, Fact)))


SECTIONS = (
    _section("The power button between QEMU and Windows", press_facts),
    _section("The order of a shutdown", order_facts),
    _section("Update work", update_facts),
    _section("Shutdown Event Tracker", tracker_facts),
    _section("Logon and display", logon_facts),
    _section("Applications and services", application_facts),
    _section("What the power button does", power_facts),
    _section("Sleep, hibernation, fast startup", sleep_facts),
    _section("Damage", damage_facts),
    _section("Forced stops", forced_stop_facts),
    _section("The disk at rest", disk_facts),
    _section("Control channels", channel_facts),
    _section("libvirt", libvirt_facts),
)
"""All facts by subject."""

ALL_FACTS = tuple(fact for section in SECTIONS for fact in section.facts)
"""All facts, in order."""

_BY_ID = {fact.id: fact for fact in ALL_FACTS}


def fact(id: str) -> Fact:
    """The fact of this id, as a citation names it behind ``fact:``.

    :raise KeyError: there is none.
    """
    return _BY_ID[id]
