"""Words on a guest's screen that tell of a shutdown: hints, for a guest can show anything.

English only: a screen in another language tells nothing.
"""

from __future__ import annotations

from powerdown.diagnosis.outside_activity import shows
from powerdown.shutdown.observation import Observation

_BLOCKED = (
    "preventing shutdown",
    "preventing restart",
    "preventing you from",
    "shut down anyway",
    "restart anyway",
    "app and shutting down",
    "apps and shutting down",
)
"""Of the screen that lists applications in the way of a shutdown."""

_TRACKER = ("shutdown event tracker", "shut down windows", "why did the computer")
"""Of the dialogs with the Shutdown Event Tracker."""

_UNDER_WAY = (*_BLOCKED, "shutting down", "restarting", "working on updates")


def blocked(obs: Observation) -> str | None:
    """What a screen that was not there before says of an application in the way."""
    return None if shows(obs.screen_text_before, _BLOCKED) else shows(obs.screen_text, _BLOCKED)


def under_way(obs: Observation) -> str | None:
    """What the screen says of a shutdown under way."""
    return shows(obs.screen_text, _UNDER_WAY)


def tracker(obs: Observation) -> str | None:
    """What the screen says of a dialog that asks for the reason of a shutdown."""
    return shows(obs.screen_text, _TRACKER)
