"""Scenarios that came out differently on different backends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import astuple

from powerdown.machine.backend import Backend
from powerdown.report.document import Document
from powerdown.report.scenario_record import ScenarioRecord, StageRecord, Status

_NOT_REACHED = "not reached"


class FoundJson(Document, frozen=True):
    """A result by backend."""

    qmp: str | None
    libvirt: str | None


class Disagreement(Document, frozen=True):
    """One stage of a scenario that came out differently on different backends."""

    image: str
    scenario: str
    variant: str
    stage: str
    """Its name; empty if the scenario as a whole came out differently."""
    found: FoundJson
    """The result by backend; null for a backend that did not run it."""

    def __str__(self) -> str:
        where = " ".join(filter(None, (self.image, self.scenario, self.variant)))
        found = zip(Backend, astuple(self.found), strict=True)
        results = ", ".join(f"{what} via {backend}" for backend, what in found if what is not None)
        return f"{where}{f': {self.stage}' if self.stage else ''}: {results}"


def disagreements(records: Iterable[ScenarioRecord]) -> tuple[Disagreement, ...]:
    """Differences between backends among the scenarios that ran on more than one.

    A scenario that a backend skipped is not compared.
    """
    by_scenario: dict[tuple[str, str, str], dict[Backend, ScenarioRecord]] = defaultdict(dict)
    for record in records:
        if record.status is not Status.SKIPPED:
            by_scenario[record.image, record.scenario, record.variant][record.backend] = record
    pairs = (found for found in by_scenario.values() if len(found) > 1)
    return tuple(one for found in pairs for one in _between(found))


def _between(found: Mapping[Backend, ScenarioRecord]) -> Iterator[Disagreement]:
    first = next(iter(found.values()))
    for number, name in enumerate(_names(found.values())):
        verdicts = {
            backend: _verdict(record.stages, number, name) for backend, record in found.items()
        }
        if len(set(verdicts.values())) > 1:
            yield Disagreement(
                first.image, first.scenario, first.variant, name, _by_backend(verdicts)
            )
            return
    statuses = {backend: str(record.status) for backend, record in found.items()}
    if len(set(statuses.values())) > 1:
        yield Disagreement(first.image, first.scenario, first.variant, "", _by_backend(statuses))


def _by_backend(found: Mapping[Backend, str]) -> FoundJson:
    return FoundJson(*map(found.get, Backend))


def _names(records: Iterable[ScenarioRecord]) -> list[str]:
    """Names of the judged stages, from the record with the most: the others ended earlier."""
    return max(([stage.name for stage in _judged(r.stages)] for r in records), key=len)


def _verdict(stages: Iterable[StageRecord], number: int, name: str) -> str:
    judged = list(_judged(stages))
    if number >= len(judged) or judged[number].name != name:
        return _NOT_REACHED
    verdict = judged[number].diagnosed
    assert verdict is not None
    return f"{verdict.outcome} ({verdict.cause})"


def _judged(stages: Iterable[StageRecord]) -> Iterator[StageRecord]:
    """Those with a verdict; how a guest was started may differ between backends."""
    return (stage for stage in stages if stage.diagnosed is not None)
