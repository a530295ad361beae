"""The scenarios that a look at a disk can find signs of, told to readers of lint results."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.core.outcome import Cause
from powerdown.diagnosis import remedies


@dataclass(frozen=True)
class InspectedScenario:
    """One of them.

    :param title: a few words.
    :param help: what it means for a soft shutdown.
    :param remedy: the most usual one; a finding has its own.
    """

    cause: Cause
    title: str
    help: str
    remedy: str


INSPECTED_SCENARIOS = (
    InspectedScenario(
        Cause.WINDOWS_UPDATE,
        "Update work is pending",
        "Windows finishes update work when it shuts down, which may take longer than the host "
        "waits.",
        remedies.FINISH_UPDATES,
    ),
    InspectedScenario(
        Cause.EVENT_TRACKER,
        "The Shutdown Event Tracker asks for a reason",
        "Windows asks why it is shut down. That an open dialog holds a press of the power button "
        "up is UNCONFIRMED.",
        remedies.TRACKER_OFF,
    ),
    InspectedScenario(
        Cause.NO_LOGON_SHUTDOWN,
        "A shutdown without logon is not allowed",
        "While nobody is logged on, Windows may discard a press of the power button.",
        remedies.ALLOW_WITHOUT_LOGON,
    ),
    InspectedScenario(
        Cause.UNRESPONSIVE_APP,
        "A program may hold the shutdown",
        "A program that does not agree to end holds a shutdown, without limit by default.",
        remedies.END_APPLICATION,
    ),
    InspectedScenario(
        Cause.UNRESPONSIVE_SERVICE,
        "A service may hold the shutdown",
        "Services get time to stop, some of them very long.",
        remedies.STOP_SERVICE,
    ),
    InspectedScenario(
        Cause.POWER_BUTTON_IGNORED,
        "The power button does nothing",
        "The press of the power button by which a host asks for a shutdown is ignored.",
        remedies.SET_BUTTON,
    ),
    InspectedScenario(
        Cause.ASLEEP,
        "The guest sleeps instead",
        "A press, idle time or fast startup puts the guest to sleep or saves it to disk; a press "
        "on a sleeping guest shuts nothing down.",
        remedies.STAY_AWAKE,
    ),
    InspectedScenario(
        Cause.DAMAGED_SYSTEM,
        "The system is damaged, or not set up",
        "A system that cannot start, or is not set up yet, does not heed its power button.",
        remedies.RESTORE_HIVE,
    ),
    InspectedScenario(
        Cause.FORCED_SHUTDOWN,
        "The volume was not closed",
        "The image was cut off: its volume is checked at the next start, and data may be lost.",
        remedies.CLOSE_VOLUME,
    ),
)
"""In the order of the catalogue."""
