"""What the exit status of ``powerdown`` says of a guest."""

from __future__ import annotations

from powerdown.core.outcome import Outcome
from powerdown.diagnosis.forecast import Forecast
from powerdown.diagnosis.verdict import Verdict

_GOOD = (Outcome.COMPLETED, Outcome.SLOW_BUT_COMPLETED)

FORCED_STATUS = 4
"""It did not go down, and its power was cut as asked."""


def verdict_status(verdict: Verdict) -> int:
    """After an attempt."""
    if verdict.outcome in _GOOD:
        return 0
    return {Outcome.HOST_FAULT: 2, Outcome.INCONCLUSIVE: 3}.get(verdict.outcome, 1)


def forecast_status(told: Forecast) -> int:
    """After a look."""
    if told.stops:
        return 1
    return 0 if told.expected in _GOOD else 3
