"""The Shutdown Event Tracker."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

TRACKER_POLICY = Fact(
    "tracker-policy",
    r"`POL\Windows NT\Reliability` `ShutdownReasonOn` and `ShutdownReasonUI` (REG_DWORD) turn the "
    "tracker on or off by policy; both belong to it.",
    FactStatus.DOCUMENTED,
    ("Reliability.admx",),
)

TRACKER_UI_VALUES = Fact(
    "tracker-ui-values",
    "`ShutdownReasonUI` 2 limits the tracker to clients and 3 to servers.",
    FactStatus.UNCONFIRMED,
    ("Reliability.admx",),
    experiment=Experiment(
        set_up=(
            "Set `ShutdownReasonOn` 1 and `ShutdownReasonUI` 2 on a client and on a server; the "
            "same with 3."
        ),
        action="Open the dialog of Alt+F4 on the desktop, each time after a restart.",
        shows="The dialog asks for a reason on the client with 2 only, on the server with 3 only.",
    ),
)

TRACKER_LOCAL = Fact(
    "tracker-local",
    r"`WCV\Reliability` has non-policy copies of `ShutdownReasonOn` and `ShutdownReasonUI`, which "
    "image builders set to 0.",
    FactStatus.REPORTED,
    ("image build scripts",),
)

TRACKER_DEFAULT = Fact(
    "tracker-default",
    "Servers show the tracker, clients do not.",
    FactStatus.DOCUMENTED,
    ("learn: Description of the Shutdown Event Tracker",),
)

TRACKER_WHEN = Fact(
    "tracker-when",
    "The tracker asks in the dialogs of Start and Ctrl+Alt+Del, and at the first administrator's "
    "logon after an unexpected stop.",
    FactStatus.DOCUMENTED,
    ("learn: Description of the Shutdown Event Tracker",),
)

TRACKER_HOLDS_PRESS = Fact(
    "tracker-holds-press",
    "An open dialog of the tracker holds a press of the button until it is closed.",
    FactStatus.UNCONFIRMED,
    ("qcloud-documents 213/2917",),
    experiment=Experiment(
        set_up=(
            "Turn the tracker on by policy, log a user on, and open its dialog by Alt+F4 on the "
            "desktop."
        ),
        action=(
            "Press the button and wait for the hard budget; then close the dialog by Esc and "
            "press again."
        ),
        shows="No 1074 and no power-off after the first press, both after the second.",
    ),
)

TRACKER_EFFECT_TIME = Fact(
    "tracker-effect-time",
    "A changed policy of the tracker counts from the next dialog on.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Log a user on with the tracker off.",
        action="Turn it on by policy, and open the dialog of Alt+F4 without a restart or a logon.",
        shows="The dialog asks for a reason.",
    ),
)
