"""What ``powerdown diagnose --json`` prints, as ``docs/diagnose.md`` describes it to users.

Without ``--press``::

    {"format": 2, "mode": "observe", "guest": "win11",
     "state": "ready",              powerdown.diagnosis.forecast.GuestState
     "expected": "completed",       the outcome of a press; null if only a press can tell
     "why": "...",
     "findings": [                  the most severe first
       {"severity": "stops",        powerdown.diagnosis.risks.risks_of_guest.Severity
        "cause": "power-button-ignored", "fact": "...", "evidence": [...], "remedy": "..."}],
     "evidence": [{"source": "acpi", "at": 12.3, "fact": "...", "raw": "..."}],
     "unknown": ["..."]}

With ``--press``::

    {"format": 2, "mode": "press", "guest": "win11",
     "verdict": {...},              as in gate.json
     "steps": [{"step": "command", "state": "done", "seconds": 0.0, "detail": "..."}],
     "forced": null}                or, if the power was cut:
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

_FORMAT = 2


def forecast_to_json(guest: str, forecast: Forecast) -> Json:
    """The result without a press, as described above."""
    return {
        "format": _FORMAT,
        "mode": "observe",
        "guest": clean(guest),
        "state": str(forecast.state),
        "expected": None if forecast.expected is None else str(forecast.expected),
        "why": clean(forecast.why),
        "findings": [
            {
                "severity": str(finding.severity),
                "cause": str(finding.cause),
                "fact": clean(finding.fact),
                "evidence": [evidence_to_json(evidence) for evidence in finding.evidence],
                "remedy": clean(finding.remedy),
            }
            for finding in forecast.findings
        ],
        "evidence": [evidence_to_json(evidence) for evidence in forecast.evidence],
        "unknown": [clean(line) for line in forecast.unknown],
    }


def press_to_json(guest: str, verdict: Verdict, steps: Iterable[Json], forced: Json | None) -> Json:
    """The result of a press, as described above."""
    return {
        "format": _FORMAT,
        "mode": "press",
        "guest": clean(guest),
        "verdict": verdict_to_json(verdict),
        "steps": list(steps),
        "forced": forced,
    }


def forced_to_json(after: float, losses: Iterable[Loss]) -> Json:
    """A power cut and what was lost by it."""
    return {
        "after": round(after, 3),
        "losses": [
            {"basis": str(loss.basis), "fact": clean(loss.fact), "source": clean(loss.source)}
            for loss in losses
        ],
    }
