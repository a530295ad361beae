"""The format of ``confusion.json``, which ``confusion.schema.json`` describes."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from powerdown.diagnosis.judgement import Judgement
from powerdown.diagnosis.verdict import Confidence
from powerdown.report.document import Document
from powerdown.report.verdict_json import ExpectedJson

SCHEMA_VERSION: Final = 2
"""Version of the file format; raised whenever readers would have to change."""

_Count = Annotated[int, Meta(ge=0)]
_Label = Annotated[
    str,
    Meta(description="A cause; without one, an outcome.", pattern=r"^[a-z][a-z0-9-]*$"),
]
_Inconclusive = Annotated[
    int,
    Meta(ge=0, description="No cause is named, and the outcome is right or left open."),
]
_WrongConfident = Annotated[
    int,
    Meta(
        ge=0,
        description="Wrong with high or medium confidence: the run has failed unless it is 0.",
    ),
]


class TallyJson(Document, frozen=True):
    """Counts of verdicts by judgement."""

    attempts: _Count
    right: _Count
    inconclusive: _Inconclusive
    wrong_confident: _WrongConfident
    wrong_low: _Count


class CellJson(Document, frozen=True):
    """A cell that is not empty."""

    actual: _Label
    predicted: _Label
    attempts: Annotated[int, Meta(ge=1)]
    right: _Count
    inconclusive: _Inconclusive
    wrong_confident: _WrongConfident
    wrong_low: _Count


class EntryJson(Document, frozen=True):
    """One attempt in one view."""

    image: str
    scenario: str
    """Its id; fault-pairs for two faults at once."""
    variant: str
    stage: str
    """What was done, as in gate.json."""
    actual: ExpectedJson
    """What was provoked."""
    predicted: ExpectedJson
    confidence: Confidence
    judgement: Judgement


class MatrixJson(Document, frozen=True):
    """All attempts of a run in one view."""

    totals: TallyJson
    matrix: tuple[CellJson, ...]
    """The cells that are not empty, by row and column."""
    entries: tuple[EntryJson, ...]
    """One per attempt."""


class ViewsJson(Document, frozen=True):
    """What verdicts are based on."""

    full: MatrixJson
    """Based on observations from outside and inside."""
    outside: MatrixJson
    """The same attempts and the degraded ones, as if there had been no control channel."""
    degraded: MatrixJson
    """Attempts whose control channel was missing, refused or lost on purpose, based on all there
    was to observe."""


class ConfusionJson(Document, frozen=True):
    """The verdicts of one gate run, compared with the failures that were provoked."""

    schema_version: Literal[2]
    views: ViewsJson
