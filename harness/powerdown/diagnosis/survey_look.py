"""A survey as the look that it is, too."""

from __future__ import annotations

from powerdown.guest.guest_baseline import Survey
from powerdown.guest.guest_sample import Look


def as_look(survey: Survey | None) -> Look | None:
    """What a survey shows of services and programs; ``None`` without one."""
    if survey is None:
        return None
    unread = [
        f"{part}: no answer"
        for part, found in (("services", survey.services), ("processes", survey.processes))
        if not found
    ]
    return Look(survey.at, (), survey.services, survey.processes, tuple(unread))
