"""Scenarios that came out differently on different backends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from powerdown.core.text import clean
from powerdown.machine.backend import Backend
from powerdown.report.json_object import JsonObject
from powerdown.report.scenario_record import ScenarioRecord, StageRecord, Status
from powerdown.report.verdict_json import Json

_NOT_REACHED = "not reached"


@dataclass(frozen=True)
class Disagreement:
    """One stage of a scenario that came out differently.

    :param stage: its name; empty where the scenario as a whole did.
    :param found: the verdict or status, by backend.
    """

    image: str
    scenario: str
    variant: str
    stage: str
    found: Mapping[Backend, str]

    def __str__(self) -> str:
        where = " ".join(filter(None, (self.image, self.scenario, self.variant)))
        results = ", ".join(f"{what} via {backend}" for backend, what in self.found.items())
        return f"{where}{f': {self.stage}' if self.stage else ''}: {results}"

    def to_json(self) -> Json:
        """As written to ``gate.json``."""
        return {
            "image": clean(self.image),
            "scenario": clean(self.scenario),
            "variant": clean(self.variant),
            "stage": clean(self.stage),
            "found": {str(backend): _optional(self.found.get(backend)) for backend in Backend},
        }

    @classmethod
    def read(cls, source: JsonObject) -> Disagreement:
        """Read what :meth:`to_json` gave.

        :raise ReportFormatError: it is anything else.
        """
        found = source.inner("found")
        read = cls(
            image=source.text("image"),
            scenario=source.text("scenario"),
            variant=source.text("variant"),
            stage=source.text("stage"),
            found={
                backend: text
                for backend in Backend
                if (text := found.optional_text(backend)) is not None
            },
        )
        found.finish()
        source.finish()
        return read


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


def _optional(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _between(found: Mapping[Backend, ScenarioRecord]) -> Iterator[Disagreement]:
    first = next(iter(found.values()))
    for number, name in enumerate(_names(found.values())):
        verdicts = {
            backend: _verdict(record.stages, number, name) for backend, record in found.items()
        }
        if len(set(verdicts.values())) > 1:
            yield Disagreement(first.image, first.scenario, first.variant, name, verdicts)
            return
    statuses = {backend: str(record.status) for backend, record in found.items()}
    if len(set(statuses.values())) > 1:
        yield Disagreement(first.image, first.scenario, first.variant, "", statuses)


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
