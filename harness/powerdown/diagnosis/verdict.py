"""The answer of the harness: what happened, why, how sure, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from powerdown.core.outcome import Cause, Outcome
from powerdown.windows.facts.fact import Fact


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
    INSIDE = "inside"
    """Processes, services and sessions, asked over the control channel."""
    SCREEN = "screen"
    CPU = "cpu"
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
    :param culprit: the application, service or process that is to blame, where one was seen.
    :param also_seen: what else would harm a soft shutdown of this guest, cause and fact each; it
        did not decide this attempt.
    :param rests_on: the facts about Windows, QEMU and libvirt that it needed besides what was
        observed.
    """

    outcome: Outcome
    cause: Cause
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    ruled_out: tuple[tuple[Cause, str], ...] = ()
    remedy: str = ""
    culprit: str = ""
    also_seen: tuple[tuple[Cause, str], ...] = ()
    rests_on: tuple[Fact, ...] = ()

    @property
    def unsettled(self) -> tuple[Fact, ...]:
        """The facts it rests on that neither documentation nor real artefacts settle."""
        return tuple(fact for fact in self.rests_on if not fact.status.settled)

    def __str__(self) -> str:
        because = "" if self.cause is Cause.NONE else f" because of {self.cause}"
        because += f" {self.culprit}" if self.culprit else ""
        return f"{self.outcome}{because} ({self.confidence} confidence)"
