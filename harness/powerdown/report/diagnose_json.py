"""What ``powerdown diagnose --json`` prints, as ``docs/diagnose.md`` describes it to users.

``diagnose.schema.json`` describes it for other programs: a forecast without ``--press``, and with
it the result of the press.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from powerdown.core.outcome import Cause, Outcome
from powerdown.core.severity import Severity
from powerdown.diagnosis.cost_of_cut import Basis, Loss
from powerdown.diagnosis.forecast import Forecast, GuestState
from powerdown.diagnosis.verdict import Verdict
from powerdown.report.document import Document, Json
from powerdown.report.verdict_json import (
    EvidenceJson,
    FactJson,
    VerdictJson,
    evidence_json,
    facts_json,
)
from powerdown.shutdown.timeline import Step


class RiskJson(Document, frozen=True):
    """A setting or state of the guest that can keep a shutdown from completing, or delay it."""

    severity: Severity
    cause: Cause
    """The cause that a diagnosis would name."""
    fact: str
    """One clause."""
    evidence: tuple[EvidenceJson, ...]
    remedy: str
    rests_on: tuple[FactJson, ...]
    """The facts by which it is a risk, besides what was observed."""


class ForecastJson(Document, frozen=True):
    """What was found without a press."""

    format: Literal[3]
    mode: Literal["observe"]
    guest: str
    state: GuestState
    """Whether the guest can take a press."""
    expected: Outcome | None
    """The outcome of a press; null if only a press can tell."""
    why: str
    """Why that is expected, or why it is not known; one clause."""
    findings: tuple[RiskJson, ...]
    """The most severe first."""
    evidence: tuple[EvidenceJson, ...]
    unknown: tuple[str, ...]
    """What cannot be known without a press, or could not be observed."""


class StepJson(Document, frozen=True):
    """One step of the shutdown."""

    step: Step
    state: str
    """done, or not seen."""
    seconds: float | None
    """How long it took; null if unknown."""
    detail: str
    """What showed its end, or what it was waiting for."""


class LossJson(Document, frozen=True):
    """One thing that the power cut cost, or may have cost."""

    basis: Basis
    """Why it is said to be lost."""
    fact: str
    """One clause."""
    source: str
    """Where it was seen, or the public source."""


class ForcedJson(Document, frozen=True):
    """A power cut and what was lost by it."""

    after: float
    """Seconds after the press."""
    losses: tuple[LossJson, ...]


class PressJson(Document, frozen=True):
    """The result of a press."""

    format: Literal[3]
    mode: Literal["press"]
    guest: str
    verdict: VerdictJson
    """As in gate.json."""
    steps: tuple[StepJson, ...]
    forced: ForcedJson | None
    """null unless the power was cut."""


def forecast_to_json(guest: str, forecast: Forecast) -> Json:
    """The result without a press."""
    return ForecastJson.from_attributes(
        forecast,
        format=3,
        mode="observe",
        guest=guest,
        findings=tuple(
            RiskJson.from_attributes(
                finding,
                evidence=evidence_json(finding.evidence),
                rests_on=facts_json(finding.rests_on),
            )
            for finding in forecast.findings
        ),
        evidence=evidence_json(forecast.evidence),
    ).to_json()


def press_to_json(
    guest: str, verdict: Verdict, steps: Iterable[StepJson], forced: ForcedJson | None
) -> Json:
    """The result of a press."""
    return PressJson(3, "press", guest, VerdictJson.of(verdict), tuple(steps), forced).to_json()


def forced_json(after: float, losses: Iterable[Loss]) -> ForcedJson:
    """A power cut and what was lost by it."""
    return ForcedJson(round(after, 3), tuple(map(LossJson.from_attributes, losses)))
