"""Verdicts and expected verdicts as JSON, written and read back."""

from __future__ import annotations

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.core.text import clean
from powerdown.diagnosis.verdict import Confidence, Evidence, Source, Verdict
from powerdown.report.json_object import JsonObject

Json = dict[str, object]


def verdict_to_json(verdict: Verdict) -> Json:
    """A verdict as written to ``gate.json``."""
    return {
        "outcome": str(verdict.outcome),
        "cause": str(verdict.cause),
        "confidence": str(verdict.confidence),
        "evidence": [evidence_to_json(evidence) for evidence in verdict.evidence],
        "ruled_out": [
            {"cause": str(cause), "fact": clean(fact)} for cause, fact in verdict.ruled_out
        ],
        "remedy": clean(verdict.remedy),
        "culprit": clean(verdict.culprit),
        "also_seen": [
            {"cause": str(cause), "fact": clean(fact)} for cause, fact in verdict.also_seen
        ],
    }


def evidence_to_json(evidence: Evidence) -> Json:
    """One piece of evidence."""
    return {
        "source": str(evidence.source),
        "at": evidence.at,
        "fact": clean(evidence.fact),
        "raw": clean(evidence.raw),
    }


def read_verdict(source: JsonObject) -> Verdict:
    """Read what :func:`verdict_to_json` gave.

    :raise ReportFormatError: it is anything else.
    """
    read = Verdict(
        outcome=source.choice("outcome", Outcome),
        cause=source.choice("cause", Cause),
        confidence=source.choice("confidence", Confidence),
        evidence=source.objects("evidence", _read_evidence),
        ruled_out=source.objects("ruled_out", _read_finding),
        remedy=source.text("remedy"),
        culprit=source.text("culprit"),
        also_seen=source.objects("also_seen", _read_finding),
    )
    source.finish()
    return read


def expected_to_json(expected: Expected) -> Json:
    """An expected verdict as written to ``gate.json``, ``confusion.json`` and the catalogue."""
    return {"outcome": str(expected.outcome), "cause": str(expected.cause)}


def read_expected(source: JsonObject) -> Expected:
    """Read what :func:`expected_to_json` wrote.

    :raise ReportFormatError: it is anything else.
    """
    read = Expected(source.choice("outcome", Outcome), source.choice("cause", Cause))
    source.finish()
    return read


def _read_evidence(source: JsonObject) -> Evidence:
    read = Evidence(
        source=source.choice("source", Source),
        at=source.optional_number("at"),
        fact=source.text("fact"),
        raw=source.text("raw"),
    )
    source.finish()
    return read


def _read_finding(source: JsonObject) -> tuple[Cause, str]:
    read = source.choice("cause", Cause), source.text("fact")
    source.finish()
    return read
