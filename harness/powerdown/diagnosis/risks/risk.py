"""A risk for a soft shutdown."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.diagnosis.verdict import Evidence
from powerdown.windows.facts.fact import Fact


@dataclass(frozen=True)
class Risk:
    """A setting or state of a guest that can keep a soft shutdown from completing, or delay it.

    :param cause: the cause that a diagnosis would name.
    :param fact: what was found, one clause.
    :param evidence: what shows it.
    :param remedy: what to do about it, with the commands.
    :param rests_on: the facts about Windows by which it is a risk.
    :param limits: what the evidence does not show; one clause, empty for nothing.
    """

    cause: Cause
    severity: Severity
    fact: str
    evidence: tuple[Evidence, ...]
    remedy: str
    rests_on: tuple[Fact, ...] = ()
    limits: str = ""

    @property
    def doubt(self) -> str:
        """What speaks against it: its limits, and the facts among its own that are not settled."""
        unsettled = (
            f"{fact.status}: {fact.claim.rstrip('.')} (fact:{fact.id})"
            for fact in self.rests_on
            if not fact.status.settled
        )
        return "; ".join(filter(None, (self.limits, *unsettled)))
