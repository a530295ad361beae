"""The Shutdown Event Tracker."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, Status

TRACKER_POLICY = Fact(
    "tracker-policy",
    r"`POL\Windows NT\Reliability` `ShutdownReasonOn` and `ShutdownReasonUI` (REG_DWORD) turn "
    "the tracker on or off by policy; both belong to it.",
    Status.DOCUMENTED,
    ("Reliability.admx",),
)

TRACKER_LOCAL = Fact(
    "tracker-local",
    r"`WCV\Reliability` has non-policy copies of both, which image builders set to 0.",
    Status.REPORTED,
    ("image build scripts",),
)

TRACKER_DEFAULT = Fact(
    "tracker-default",
    "Servers show the tracker, clients do not.",
    Status.DOCUMENTED,
    ("learn: Description of the Shutdown Event Tracker",),
)

TRACKER_WHEN = Fact(
    "tracker-when",
    "It asks in the dialogs of Start and Ctrl+Alt+Del, and at the first administrator's logon "
    "after an unexpected stop.",
    Status.DOCUMENTED,
    ("learn: Description of the Shutdown Event Tracker",),
)

TRACKER_HOLDS_PRESS = Fact(
    "tracker-holds-press",
    "Whether an open dialog of the tracker holds a press of the button is not known; a public "
    "cloud names the tracker as a cause.",
    Status.UNCONFIRMED,
    ("qcloud-documents 213/2917",),
)

TRACKER_EFFECT_TIME = Fact(
    "tracker-effect-time",
    "The policy counts from the next dialog.",
    Status.UNCONFIRMED,
    (),
)

TRACKER_UI_VALUES = Fact(
    "tracker-ui-values",
    "`ShutdownReasonUI` 2 and 3 limit the tracker to workstations or servers.",
    Status.UNCONFIRMED,
    ("Reliability.admx",),
)

FACTS = (
    TRACKER_POLICY,
    TRACKER_LOCAL,
    TRACKER_DEFAULT,
    TRACKER_WHEN,
    TRACKER_HOLDS_PRESS,
    TRACKER_EFFECT_TIME,
    TRACKER_UI_VALUES,
)
"""In the order of ``docs/windows-facts.md``."""
