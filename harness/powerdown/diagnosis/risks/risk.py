"""A risk for a soft shutdown, and its severity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from powerdown.core.outcome import Cause
from powerdown.diagnosis.verdict import Evidence


class Severity(StrEnum):
    """How much a risk matters for a press now; the worst first."""

    STOPS = "stops"
    """A press now does not shut the guest down."""
    MAY_STOP = "may-stop"
    """It may or may not: only a press shows."""
    DELAYS = "delays"
    """It may take long."""
    LATENT = "latent"
    """No effect now; it matters once something else changes."""

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return tuple(Severity).index(self)

    def at_least(self, other: Severity) -> bool:
        """Whether it is as bad as ``other``, or worse."""
        return self.rank <= other.rank


@dataclass(frozen=True)
class Risk:
    """A setting or state of a guest that can keep a soft shutdown from completing, or delay it.

    :param cause: the cause that a diagnosis would name.
    :param fact: what was found, one clause.
    :param evidence: what shows it.
    :param remedy: what to do about it, with the commands.
    """

    cause: Cause
    severity: Severity
    fact: str
    evidence: tuple[Evidence, ...]
    remedy: str
