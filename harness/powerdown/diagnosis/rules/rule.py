"""One rule of diagnosis: a question to an observation, and how its answer becomes a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.verdict import Confidence, Evidence, Verdict
from powerdown.shutdown.observation import Observation
from powerdown.windows.facts.fact import Fact


@dataclass(frozen=True)
class Rule:
    """One rule; they are asked in the order of :data:`RULES`.

    :param name: a few words, as in ``docs/diagnosis.md``.
    :param decide: the verdict, or ``None`` where the rule does not apply. Its confidence is that of
        the observation: high only when no rival cause explains the same. What the facts it rests
        on are worth is not its business (:mod:`confidence`).
    :param is_final: whether waiting longer cannot change the answer.
    :param facts: what of Windows its verdicts rest on. A verdict that needs only some of them names
        those.
    """

    name: str
    decide: Callable[[Observation], Verdict | None]
    is_final: bool = False
    facts: tuple[Fact, ...] = ()

    def apply(self, obs: Observation) -> Verdict | None:
        """The verdict with the facts that it rests on, or ``None``."""
        found = self.decide(obs)
        if found is None or found.rests_on:
            return found
        return replace(found, rests_on=self.facts)


def verdict(
    outcome: Outcome,
    cause: Cause,
    confidence: Confidence,
    evidence: Iterable[Evidence],
    *,
    ruled_out: Iterable[tuple[Cause, str]] = (),
    remedy: str = "",
    culprit: str = "",
    rests_on: tuple[Fact, ...] = (),
) -> Verdict:
    """A verdict with its evidence in order of time; what has no time comes last.

    :param rests_on: the facts that it needed, where they are not all of its rule's.
    """
    in_order = sorted(evidence, key=lambda item: (item.at is None, item.at or 0.0))
    return Verdict(
        outcome,
        cause,
        confidence,
        tuple(in_order),
        tuple(ruled_out),
        remedy,
        culprit=culprit,
        rests_on=rests_on,
    )
