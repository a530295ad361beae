"""Outcomes of a shutdown and their causes, as used by faults, diagnosis and reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a shutdown request."""

    COMPLETED = "completed"
    SLOW_BUT_COMPLETED = "slow-but-completed"
    RESTARTED_INSTEAD = "restarted-instead"
    STAYED_UP = "stayed-up"
    SUSPENDED = "suspended"
    """The guest sleeps: S3, or otherwise suspended; it has not ended."""
    HIBERNATED = "hibernated"
    """The power is off, but the system was saved to disk (S4), not shut down."""
    CRASHED = "crashed"
    FORCED_OFF = "forced-off"
    HOST_FAULT = "host-fault"
    INCONCLUSIVE = "inconclusive"


class Cause(StrEnum):
    """Why it did not complete normally; the ids of ``docs/scenarios.md``."""

    NONE = "none"
    PRESS_LOST = "press-lost"
    WINDOWS_UPDATE = "windows-update"
    EVENT_TRACKER = "event-tracker"
    NO_LOGON_SHUTDOWN = "no-logon-shutdown"
    UNRESPONSIVE_APP = "unresponsive-app"
    UNRESPONSIVE_SERVICE = "unresponsive-service"
    POWER_BUTTON_IGNORED = "power-button-ignored"
    ASLEEP = "asleep"
    DAMAGED_SYSTEM = "damaged-system"
    RESTART_REQUESTED = "restart-requested"
    FORCED_SHUTDOWN = "forced-shutdown"
    HOST_FAULT = "host-fault"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Expected:
    """The verdict that a scenario expects."""

    outcome: Outcome
    cause: Cause

    def __str__(self) -> str:
        return str(self.outcome) if self.cause is Cause.NONE else f"{self.outcome} ({self.cause})"
