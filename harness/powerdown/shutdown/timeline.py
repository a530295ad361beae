"""The five steps of a shutdown as timed, evidenced phases."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """The steps from the command to the power-off, in order."""

    COMMAND = "command"
    ACPI = "acpi"
    APPLICATIONS = "applications-and-services"
    CORE_SERVICES = "core-services"
    POWER_OFF = "power-off"


@dataclass(frozen=True)
class Phase:
    """One step as observed.

    :param step: which.
    :param start: seconds on the host-monotonic clock.
    :param end: likewise; ``None`` when its end was not observed.
    :param evidence: what shows that it began and ended, one line each.
    """

    step: Step
    start: float
    end: float | None
    evidence: tuple[str, ...]

    @property
    def duration(self) -> float | None:
        """Seconds, or ``None`` when its end was not observed."""
        return None if self.end is None else self.end - self.start


@dataclass(frozen=True)
class Mark:
    """One moment worth showing on the timeline.

    :param at: seconds on the host-monotonic clock.
    :param label: a few words.
    """

    at: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """What happened between the command and the end of watching.

    :param origin: the moment of the command, seconds on the host-monotonic clock.
    :param end: when watching ended.
    :param phases: in the order of :class:`Step`; steps never reached are absent.
    :param marks: moments in order of time.
    :param soft_budget: seconds from ``origin`` within which it should have ended.
    :param hard_budget: seconds from ``origin`` after which nothing was waited for.
    """

    origin: float
    end: float
    phases: tuple[Phase, ...]
    marks: tuple[Mark, ...]
    soft_budget: float
    hard_budget: float
