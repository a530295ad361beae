"""How sure a verdict is, by the status of the facts that it rests on.

A rule says how sure the observation makes it. What is not settled about Windows limits that, here
and nowhere else: a fact that is only reported, or not confirmed at all, leaves medium confidence at
most. Measuring the fact on a real Windows lifts the limit.
"""

from __future__ import annotations

from dataclasses import replace

from powerdown.diagnosis.verdict import Confidence, Verdict


def limited_by_facts(verdict: Verdict) -> Verdict:
    """The verdict with the confidence that the facts it rests on allow."""
    if verdict.confidence is Confidence.HIGH and verdict.unsettled:
        return replace(verdict, confidence=Confidence.MEDIUM)
    return verdict
