"""One rule of diagnosis: a question to an observation, and how its answer becomes a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.verdict import Confidence, Evidence, Verdict
from powerdown.shutdown.observation import Observation
from powerdown.windows.facts.fact import Fact


@dataclass(frozen=True)
class Rule:
    """One rule; they are asked in the order of :data:`RULES`.

    :param name: a few words, as in ``docs/diagnosis.md``.
    :param decide: the verdict, or ``None`` where the rule does not apply. It may claim high
        confidence only when no rival cause explains the same observation.
    :param is_final: whether waiting longer cannot change the answer.
    :param facts: what of Windows it relies on.
    """

    name: str
    decide: Callable[[Observation], Verdict | None]
    is_final: bool = False
    facts: tuple[Fact, ...] = ()


def verdict(
    outcome: Outcome,
    cause: Cause,
    confidence: Confidence,
    evidence: Iterable[Evidence],
    *,
    ruled_out: Iterable[tuple[Cause, str]] = (),
    remedy: str = "",
    culprit: str = "",
) -> Verdict:
    """A verdict with its evidence in order of time; what has no time comes last."""
    in_order = sorted(evidence, key=lambda item: (item.at is None, item.at or 0.0))
    return Verdict(
        outcome, cause, confidence, tuple(in_order), tuple(ruled_out), remedy, culprit=culprit
    )
