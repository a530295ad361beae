"""Deadlines as objects, on the one clock of the harness.

All times in Powerdown are seconds of the host's monotonic clock, so that QMP
events, probes and guest contacts can be put in one order.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from powerdown.core.errors import DeadlineExpired


def now() -> float:
    """Seconds on the host-monotonic clock, which stamps all observations."""
    return time.monotonic()


@dataclass(frozen=True)
class Deadline:
    """A point in time by which something must have happened.

    :param at: seconds on the clock of :func:`now`.
    :param allowed: seconds that were allowed in total, for messages.
    """

    at: float
    allowed: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """A deadline ``seconds`` from now."""
        return cls(at=now() + seconds, allowed=seconds)

    def at_most(self, seconds: float) -> Deadline:
        """The earlier of this deadline and one ``seconds`` from now."""
        nearer = Deadline.after(seconds)
        return nearer if nearer.at < self.at else self

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - now())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining == 0.0

    def expire(self, waiting_for: str, actual: str, remedy: str) -> DeadlineExpired:
        """The error to raise when this deadline has passed.

        :param waiting_for: what was awaited, as a noun phrase or a clause: ``"QEMU end"``.
        :param actual: what happened instead.
        :param remedy: what the user can do.
        """
        return DeadlineExpired(f"see {waiting_for} within {self.allowed:.1f} s", actual, remedy)
