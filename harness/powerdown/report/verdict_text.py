"""Verdicts and forecasts as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from powerdown.core.text import printable
from powerdown.diagnosis.cost_of_cut import Loss
from powerdown.diagnosis.forecast import Forecast
from powerdown.diagnosis.risks.risk import Risk
from powerdown.diagnosis.verdict import Evidence, Verdict


def verdict_text(verdict: Verdict) -> str:
    """A verdict with its evidence, the causes it rules out and the remedy."""
    lines = [str(verdict), *map(_evidence, verdict.evidence)]
    lines += [f"  ruled out: {cause}: {why}" for cause, why in verdict.ruled_out]
    lines += [f"  also seen: {cause}: {fact}" for cause, fact in verdict.also_seen]
    lines += [f"  {line}" for line in unsettled_lines(verdict)]
    if verdict.remedy:
        lines.append(f"  remedy: {verdict.remedy}")
    return "\n".join(map(printable, lines))


def unsettled_lines(verdict: Verdict) -> list[str]:
    """The facts that the verdict needed and that are not settled, a line each."""
    return [
        f"rests on fact:{fact.id}, {fact.status}: {fact.plain_claim}" for fact in verdict.unsettled
    ]


def forecast_text(guest: str, forecast: Forecast) -> str:
    """What was found without a press."""
    lines = [f"{guest}: {forecast}"]
    for finding in forecast.findings:
        lines += ["", *_finding(finding)]
    lines += ["", "observed, without a press:", *map(_evidence, forecast.evidence)]
    if forecast.unknown:
        lines += ["", "unknown:", *(f"  {line}" for line in forecast.unknown)]
    return "\n".join(map(printable, lines))


def forced_text(after: float, losses: Iterable[Loss]) -> str:
    """What was lost by a power cut."""
    lines = [f"its power was cut {after:.1f} s after the press; consequences:"]
    lines += [f"  {loss.basis:12} {loss.fact} ({loss.source})" for loss in losses]
    return "\n".join(map(printable, lines))


def _finding(finding: Risk) -> Iterator[str]:
    yield f"{finding.severity}: {finding.cause}: {finding.fact}"
    yield from map(_evidence, finding.evidence)
    if finding.doubt:
        yield f"  however: {finding.doubt}"
    yield f"  remedy: {finding.remedy}"


def _evidence(evidence: Evidence) -> str:
    return f"  {evidence.source:16} {evidence.fact}: {evidence.raw}"
