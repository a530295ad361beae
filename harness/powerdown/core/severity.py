"""How much a risk matters for a soft shutdown."""

from __future__ import annotations

from enum import StrEnum


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
