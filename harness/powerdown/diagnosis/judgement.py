"""Verdicts compared with the ones that are right."""

from __future__ import annotations

from enum import StrEnum

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Confidence, Verdict


class Judgement(StrEnum):
    """How a verdict compares with what the guest was made to do."""

    RIGHT = "right"
    INCONCLUSIVE = "inconclusive"
    """It names no cause, and its outcome is right or left open: honest."""
    WRONG = "wrong"


def judge(actual: Expected, verdict: Verdict) -> Judgement:
    """Compare a verdict with the one that is right."""
    if actual == Expected(verdict.outcome, verdict.cause):
        return Judgement.RIGHT
    open_ended = verdict.outcome in (Outcome.INCONCLUSIVE, actual.outcome)
    if verdict.cause is Cause.UNKNOWN and open_ended:
        return Judgement.INCONCLUSIVE
    return Judgement.WRONG


def is_wrong_confident(actual: Expected, verdict: Verdict) -> bool:
    """Whether a verdict is wrong without being marked as low confidence: the worst kind."""
    return judge(actual, verdict) is Judgement.WRONG and verdict.confidence is not Confidence.LOW
