"""A verdict against the oracle."""

from __future__ import annotations

from enum import StrEnum

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Confidence, Verdict

from .oracle import Right


class Judgement(StrEnum):
    """How a verdict compares."""

    AGREED = "agreed"
    INCONCLUSIVE = "inconclusive"
    """It names no cause, and nothing wrong."""
    UNSURE = "unsure"
    """It names something else, with low confidence."""
    DISAGREED = "disagreed"


def judge(right: Right, verdict: Verdict, took: float | None) -> Judgement:
    """Compare.

    :param took: seconds from the command to the power-off, where it was seen.
    """
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return Judgement.INCONCLUSIVE
    if _is_right(right, verdict, took):
        return Judgement.AGREED
    if verdict.cause is Cause.UNKNOWN and any(
        verdict.outcome is expected.outcome for expected in right.verdicts
    ):
        return Judgement.INCONCLUSIVE
    return Judgement.UNSURE if verdict.confidence is Confidence.LOW else Judgement.DISAGREED


def accepted(right: Right, judgement: Judgement) -> bool:
    """Whether that will do for a diagnosis that could ask the guest."""
    return judgement is Judgement.AGREED or (
        bool(right.unknowable) and accepted_from_outside(judgement)
    )


def accepted_from_outside(judgement: Judgement) -> bool:
    """Whether that will do for one that could not."""
    return judgement is not Judgement.DISAGREED


def _is_right(right: Right, verdict: Verdict, took: float | None) -> bool:
    if Expected(verdict.outcome, verdict.cause) not in right.verdicts:
        return False
    completes = verdict.outcome in (Outcome.COMPLETED, Outcome.SLOW_BUT_COMPLETED)
    return not completes or took is None or right.seconds.least <= took <= right.seconds.most
