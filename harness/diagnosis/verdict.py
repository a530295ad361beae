"""The answer of the harness: what happened, why, how sure, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of the guest."""

    COMPLETED = "completed"
    SLOW_BUT_COMPLETED = "slow-but-completed"
    RESTARTED_INSTEAD = "restarted-instead"
    STAYED_UP = "stayed-up"
    FORCED_OFF = "forced-off"
    HOST_FAULT = "host-fault"
    INCONCLUSIVE = "inconclusive"


class Cause(StrEnum):
    """Why it did not simply complete, by the ids of ``docs/scenarios.md``."""

    NONE = "none"
    PRESS_LOST = "press-lost"
    POWER_BUTTON_IGNORED = "power-button-ignored"
    RESTART_REQUESTED = "restart-requested"
    FORCED_SHUTDOWN = "forced-shutdown"
    HOST_FAULT = "host-fault"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How far the evidence carries: ``high`` means no rival cause is left."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Source(StrEnum):
    """Where a piece of evidence was seen."""

    QMP = "qmp"
    ACPI = "acpi"
    PROCESS = "process"
    SETTINGS = "settings"
    EVENT_LOG = "event-log"
    CONTROL_CHANNEL = "control-channel"
    DISK = "disk"
    HARNESS = "harness"


@dataclass(frozen=True)
class Evidence:
    """One observed fact that a verdict rests on.

    :param source: where it was seen.
    :param at: seconds on the host-monotonic clock; ``None`` for facts without a time on it.
    :param fact: what it means, one clause.
    :param raw: the value as it was read.
    """

    source: Source
    at: float | None
    fact: str
    raw: str


@dataclass(frozen=True)
class Verdict:
    """What the harness concluded, and from what.

    :param outcome: what became of the guest.
    :param cause: why; :attr:`Cause.NONE` when it completed in time.
    :param confidence: how sure.
    :param evidence: the facts for it, in order of time.
    :param ruled_out: rival causes with the fact that excludes each.
    :param remedy: what to do about it; empty when nothing is wrong.
    """

    outcome: Outcome
    cause: Cause
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    ruled_out: tuple[tuple[Cause, str], ...] = ()
    remedy: str = ""

    def __str__(self) -> str:
        because = "" if self.cause is Cause.NONE else f" because of {self.cause}"
        return f"{self.outcome}{because} ({self.confidence} confidence)"
