"""The confusion matrix of a run: the verdicts against the failures that were provoked.

An attempt counts if its actual cause is known, because the scenario provoked it. It is judged in
up to two views: by all that was observed, and as if there had been no control channel. Attempts
whose control channel was taken away on purpose have a view of their own.

``confusion.schema.json`` beside this module describes the file for other programs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.judgement import Judgement, judge
from powerdown.diagnosis.verdict import Confidence
from powerdown.report.confusion_json import (
    SCHEMA_VERSION,
    CellJson,
    ConfusionJson,
    EntryJson,
    MatrixJson,
    TallyJson,
    ViewsJson,
)
from powerdown.report.document import Json
from powerdown.report.json_file import write_json
from powerdown.report.scenario_record import ScenarioRecord, StageRecord
from powerdown.report.verdict_json import ExpectedJson


class View(StrEnum):
    """What a verdict is based on."""

    FULL = "full"
    """Observations from outside and inside."""
    OUTSIDE = "outside"
    """Observations from outside only, of all attempts."""
    DEGRADED = "degraded"
    """What could be observed with the control channel missing, refused or lost on purpose."""


def label(actual: Expected) -> str:
    """The label of its row or column: the cause, or the outcome if there is none."""
    return str(actual.outcome if actual.cause is Cause.NONE else actual.cause)


LABELS = (
    str(Outcome.COMPLETED),
    *(str(cause) for cause in Cause if cause not in (Cause.NONE, Cause.UNKNOWN)),
    str(Cause.UNKNOWN),
)
"""The rows and columns of a matrix, in order."""


def sort_key(name: str) -> tuple[int, str]:
    """Sort key of a label; unknown ones come last."""
    return (LABELS.index(name) if name in LABELS else len(LABELS), name)


@dataclass(frozen=True)
class Entry:
    """One attempt in one view.

    :param stage: what was done, as in ``gate.json``.
    :param actual: what was provoked.
    """

    image: str
    scenario: str
    variant: str
    stage: str
    actual: Expected
    predicted: Expected
    confidence: Confidence
    judgement: Judgement

    @property
    def wrong_confident(self) -> bool:
        """See :func:`is_wrong_confident`."""
        return self.judgement is Judgement.WRONG and self.confidence is not Confidence.LOW

    def __str__(self) -> str:
        attempt = f"{self.scenario}/{self.variant}".rstrip("/")
        return (
            f"{attempt}, {self.stage}: actual {self.actual}, "
            f"predicted {self.predicted} ({self.confidence})"
        )


@dataclass(frozen=True)
class Tally:
    """Counts of verdicts by judgement."""

    attempts: int = 0
    right: int = 0
    inconclusive: int = 0
    wrong_confident: int = 0
    wrong_low: int = 0

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Tally:
        """Count them."""
        judged = [(entry.judgement, entry.wrong_confident) for entry in entries]
        count = Counter(judged)
        return cls(
            attempts=len(judged),
            right=count[Judgement.RIGHT, False],
            inconclusive=count[Judgement.INCONCLUSIVE, False],
            wrong_confident=count[Judgement.WRONG, True],
            wrong_low=count[Judgement.WRONG, False],
        )


@dataclass(frozen=True)
class Matrix:
    """All attempts of a run in one view."""

    entries: tuple[Entry, ...]

    @property
    def tally(self) -> Tally:
        """Over all of them."""
        return Tally.of(self.entries)

    @property
    def cells(self) -> Mapping[tuple[str, str], Tally]:
        """The cells that are not empty, by actual and predicted label."""
        keys = {(label(entry.actual), label(entry.predicted)) for entry in self.entries}
        return {
            (row, column): Tally.of(
                entry
                for entry in self.entries
                if (label(entry.actual), label(entry.predicted)) == (row, column)
            )
            for row, column in sorted(keys, key=lambda key: (sort_key(key[0]), sort_key(key[1])))
        }

    @property
    def rows(self) -> tuple[str, ...]:
        """Actual labels, in order."""
        return tuple(sorted({label(entry.actual) for entry in self.entries}, key=sort_key))

    @property
    def columns(self) -> tuple[str, ...]:
        """Actual and predicted labels, in order."""
        found = {label(expected) for e in self.entries for expected in (e.actual, e.predicted)}
        return tuple(sorted(found, key=sort_key))

    @property
    def wrong_confident(self) -> tuple[Entry, ...]:
        """The confidently wrong verdicts."""
        return tuple(entry for entry in self.entries if entry.wrong_confident)


@dataclass(frozen=True)
class Confusion:
    """A run's matrix in every view."""

    views: Mapping[View, Matrix]

    @classmethod
    def of(cls, records: Iterable[ScenarioRecord]) -> Confusion:
        """Judge every attempt; one that several tests share counts once."""
        entries: dict[View, list[Entry]] = {view: [] for view in View}
        seen: set[tuple[str, str, float]] = set()
        for record in records:
            for stage in record.stages:
                if stage.commanded_at is None or stage.expected is None:
                    continue
                attempt = record.image, stage.name, stage.commanded_at
                if attempt not in seen:
                    seen.add(attempt)
                    for view, entry in _judged(record, stage, stage.expected):
                        entries[view].append(entry)
        return cls(MappingProxyType({view: Matrix(tuple(entries[view])) for view in View}))

    @property
    def wrong_confident(self) -> tuple[tuple[View, Entry], ...]:
        """The confidently wrong verdicts of all views. A run with one has failed."""
        return tuple(
            (view, entry) for view, matrix in self.views.items() for entry in matrix.wrong_confident
        )

    def to_json(self) -> Json:
        """As written to ``confusion.json``."""
        views = ViewsJson(**{str(view): _document(matrix) for view, matrix in self.views.items()})
        return ConfusionJson(SCHEMA_VERSION, views).to_json()

    def write(self, path: Path) -> Path:
        """Write ``confusion.json`` atomically.

        :return: ``path``.
        :raise ReportFormatError: the file cannot be written.
        """
        return write_json(self.to_json(), path, "confusion matrix")


def _judged(
    record: ScenarioRecord, stage: StageRecord, actual: Expected
) -> Iterator[tuple[View, Entry]]:
    own = View.DEGRADED if stage.degraded else View.FULL
    for view, verdict in ((own, stage.diagnosed), (View.OUTSIDE, stage.diagnosed_outside)):
        if verdict is not None:
            yield (
                view,
                Entry(
                    image=record.image,
                    scenario=record.scenario,
                    variant=record.variant,
                    stage=stage.name,
                    actual=actual,
                    predicted=Expected(verdict.outcome, verdict.cause),
                    confidence=verdict.confidence,
                    judgement=judge(actual, verdict),
                ),
            )


def _document(matrix: Matrix) -> MatrixJson:
    return MatrixJson(
        totals=TallyJson.from_attributes(matrix.tally),
        matrix=tuple(
            CellJson.from_attributes(tally, actual=row, predicted=column)
            for (row, column), tally in matrix.cells.items()
        ),
        entries=tuple(
            EntryJson.from_attributes(
                entry,
                actual=ExpectedJson.from_attributes(entry.actual),
                predicted=ExpectedJson.from_attributes(entry.predicted),
            )
            for entry in matrix.entries
        ),
    )
