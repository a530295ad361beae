"""Verdicts and expected verdicts as JSON, written and read back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Confidence, Evidence, Source, Verdict
from powerdown.report.document import Document, Json
from powerdown.windows.facts.fact import Fact, FactStatus

_Outcome = Annotated[Outcome, Meta(description="What became of the guest.")]
_Cause = Annotated[
    Cause, Meta(description="Why; none if it completed in time. New scenarios add causes.")
]


class ExpectedJson(Document, frozen=True):
    """The verdict that a scenario asserts."""

    outcome: _Outcome
    cause: _Cause


class EvidenceJson(Document, frozen=True):
    """One observed fact that a verdict is based on."""

    source: Source
    """Where it was observed."""
    at: float | None
    """Seconds on the host-monotonic clock, or null."""
    fact: str
    raw: str
    """The value as it was read."""


class CauseJson(Document, frozen=True):
    """A cause, and the fact that speaks for it or against it."""

    cause: _Cause
    fact: str


class FactJson(Document, frozen=True):
    """A fact that something rests on; docs/windows-facts.md has all."""

    id: str
    """As powerdown facts lists it."""
    status: FactStatus
    """How well it is known."""
    claim: str
    """What would be true, one sentence."""


class VerdictJson(Document, frozen=True):
    """What was concluded, and from what."""

    outcome: _Outcome
    cause: _Cause
    confidence: Confidence
    evidence: tuple[EvidenceJson, ...]
    ruled_out: tuple[CauseJson, ...]
    """Rival causes with the fact that rules out each."""
    remedy: str
    culprit: str
    """The application, service or process to blame; empty if none was identified."""
    also_seen: tuple[CauseJson, ...]
    """What else endangers a soft shutdown of this guest, although it did not decide this one."""
    rests_on: tuple[FactJson, ...]
    """The facts that it needed besides what was observed. One that is reported or unconfirmed
    leaves medium confidence at most."""

    @classmethod
    def of(cls, verdict: Verdict) -> VerdictJson:
        """A verdict as it is written."""
        return cls.from_attributes(
            verdict,
            evidence=evidence_json(verdict.evidence),
            ruled_out=_with_names(verdict.ruled_out),
            also_seen=_with_names(verdict.also_seen),
            rests_on=facts_json(verdict.rests_on),
        )

    def verdict(self) -> Verdict:
        """The verdict that was written."""
        return self.into(
            Verdict,
            evidence=tuple(each.into(Evidence) for each in self.evidence),
            ruled_out=tuple((each.cause, each.fact) for each in self.ruled_out),
            also_seen=tuple((each.cause, each.fact) for each in self.also_seen),
            rests_on=tuple(Fact(each.id, each.claim, each.status, ()) for each in self.rests_on),
        )


def verdict_to_json(verdict: Verdict) -> Json:
    """A verdict as written to ``gate.json``."""
    return VerdictJson.of(verdict).to_json()


def expected_to_json(expected: Expected) -> Json:
    """An expected verdict as written to ``gate.json``, ``confusion.json`` and the catalogue."""
    return ExpectedJson.from_attributes(expected).to_json()


def facts_json(facts: Iterable[Fact]) -> tuple[FactJson, ...]:
    """Facts as they are written: without sources and experiments, which ``powerdown facts`` has."""
    return tuple(map(FactJson.from_attributes, facts))


def evidence_json(evidence: Iterable[Evidence]) -> tuple[EvidenceJson, ...]:
    """Evidence as it is written."""
    return tuple(map(EvidenceJson.from_attributes, evidence))


def _with_names(found: Iterable[tuple[Cause, str]]) -> tuple[CauseJson, ...]:
    return tuple(CauseJson(cause, fact) for cause, fact in found)
