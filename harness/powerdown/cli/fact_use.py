"""What rests on each fact: rules, faults and settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from powerdown.diagnosis.rules.rule_order import RULES
from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault import Fault
from powerdown.windows.facts.all_facts import ALL_FACTS
from powerdown.windows.facts.fact import Fact
from powerdown.windows.settings.all_settings import ALL_SETTINGS

_CITATION = "fact:"
_FEW_VARIANTS = 2


@dataclass(frozen=True)
class FactUse:
    """Names of what rests on one fact, in the order of reports.

    :param rules: rules of diagnosis.
    :param faults: variants of scenarios, such as ``asleep/fast-startup``.
    :param settings: ids of settings.
    """

    rules: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def few_faults(self) -> tuple[str, ...]:
        """The faults for a short list: of a scenario with more than two of them, its id alone."""
        return tuple(self._few_faults())

    def _few_faults(self) -> Iterator[str]:
        for scenario, group in groupby(self.faults, key=lambda name: name.partition("/")[0]):
            variants = list(group)
            yield from variants if len(variants) <= _FEW_VARIANTS else [scenario]


def users_of_facts() -> Mapping[str, FactUse]:
    """What rests on each fact, by its id; facts on which nothing rests are there too."""
    rules = names_by_fact((rule.name, rule.facts) for rule in RULES)
    settings = names_by_fact((setting.id, setting.rests_on) for setting in ALL_SETTINGS)
    faults = _faults_by_fact(CATALOGUE)
    return {
        fact.id: FactUse(
            tuple(rules.get(fact.id, ())),
            tuple(faults.get(fact.id, ())),
            tuple(settings.get(fact.id, ())),
        )
        for fact in ALL_FACTS
    }


def names_by_fact(users: Iterable[tuple[str, tuple[Fact, ...]]]) -> dict[str, list[str]]:
    """Names by the ids of the facts that what they name rests on."""
    found: dict[str, list[str]] = {}
    for name, facts in users:
        for fact in facts:
            found.setdefault(fact.id, []).append(name)
    return found


def _faults_by_fact(faults: Iterable[Fault]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fault in faults:
        for source in fault.sources:
            if source.startswith(_CITATION):
                found.setdefault(source.removeprefix(_CITATION), []).append(str(fault))
    return found
