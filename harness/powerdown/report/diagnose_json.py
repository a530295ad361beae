"""What ``powerdown diagnose --json`` prints; ``docs/diagnose.md`` says the same to its reader.

A look::

    {"format": 1, "mode": "look", "guest": "win11",
     "state": "ready",              powerdown.diagnosis.forecast.GuestState
     "expected": "completed",       what a press would lead to; null where only a press tells
     "why": "...",
     "findings": [                  the worst first
       {"severity": "stops",        powerdown.diagnosis.risks.risks_of_guest.Severity
        "cause": "power-button-ignored", "fact": "...", "evidence": [...], "remedy": "..."}],
     "evidence": [{"source": "acpi", "at": 12.3, "fact": "...", "raw": "..."}],
     "unknown": ["..."]}

A press::

    {"format": 1, "mode": "press", "guest": "win11",
     "verdict": {...},              as in gate.json
     "steps": [{"step": "command", "state": "done", "seconds": 0.0, "told": "..."}],
     "forced": null}                or, where the power was cut in the end:
               {"after": 300.0,     seconds after the press
                "losses": [{"basis": "seen", "fact": "...", "source": "..."}]}

``at`` is seconds on the host's monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.core.text import clean
from powerdown.diagnosis.cost_of_cut import Loss
from powerdown.diagnosis.forecast import Forecast
from powerdown.diagnosis.verdict import Verdict
from powerdown.report.verdict_json import Json, evidence_to_json, verdict_to_json

_FORMAT = 1


def forecast_to_json(guest: str, told: Forecast) -> Json:
    """A look as described above."""
    return {
        "format": _FORMAT,
        "mode": "look",
        "guest": clean(guest),
        "state": str(told.state),
        "expected": None if told.expected is None else str(told.expected),
        "why": clean(told.why),
        "findings": [
            {
                "severity": str(finding.severity),
                "cause": str(finding.cause),
                "fact": clean(finding.fact),
                "evidence": [evidence_to_json(evidence) for evidence in finding.evidence],
                "remedy": clean(finding.remedy),
            }
            for finding in told.findings
        ],
        "evidence": [evidence_to_json(evidence) for evidence in told.evidence],
        "unknown": [clean(line) for line in told.unknown],
    }


def press_to_json(guest: str, verdict: Verdict, steps: Iterable[Json], forced: Json | None) -> Json:
    """A press as described above."""
    return {
        "format": _FORMAT,
        "mode": "press",
        "guest": clean(guest),
        "verdict": verdict_to_json(verdict),
        "steps": list(steps),
        "forced": forced,
    }


def forced_to_json(after: float, losses: Iterable[Loss]) -> Json:
    """A power cut and what it cost."""
    return {
        "after": round(after, 3),
        "losses": [
            {"basis": str(loss.basis), "fact": clean(loss.fact), "source": clean(loss.source)}
            for loss in losses
        ],
    }
