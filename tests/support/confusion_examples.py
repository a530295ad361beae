"""Attempts for a confusion matrix."""

from __future__ import annotations

from dataclasses import replace

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Confidence, Verdict
from powerdown.report.scenario_record import ScenarioRecord, StageRecord, Status

HELD = Expected(Outcome.STAYED_UP, Cause.UNRESPONSIVE_APP)


RIGHT = Verdict(Outcome.STAYED_UP, Cause.UNRESPONSIVE_APP, Confidence.MEDIUM, ())


DOUBT = Verdict(Outcome.INCONCLUSIVE, Cause.UNKNOWN, Confidence.LOW, ())


WRONG = Verdict(Outcome.STAYED_UP, Cause.WINDOWS_UPDATE, Confidence.MEDIUM, ())


WRONG_LOW = replace(WRONG, confidence=Confidence.LOW)


def attempt(
    full: Verdict | None, outside: Verdict | None = None, *, at: float = 1.0, degraded: bool = False
) -> StageRecord:
    return StageRecord(
        "press", HELD, full, commanded_at=at, diagnosed_outside=outside, degraded=degraded
    )


def record(*stages: StageRecord, variant: str = "refuses") -> ScenarioRecord:
    return ScenarioRecord(
        "standin", "unresponsive-app", variant, f"t::{variant}", Status.PASSED, stages
    )
