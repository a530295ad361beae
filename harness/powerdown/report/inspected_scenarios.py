"""The scenarios that a disk can show signs of, described for SARIF and JUnit reports."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.core.outcome import Cause
from powerdown.diagnosis import remedies
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.sleep_settings import STANDBY_IDLE
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER


@dataclass(frozen=True)
class InspectedScenario:
    """One scenario.

    :param title: a few words.
    :param help: how it affects a soft shutdown.
    :param remedy: the usual remedy; a finding may have a more specific one.
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
        "Windows asks for a reason before it shuts down. That the open dialog delays a shutdown by "
        "the power button is not confirmed (fact:tracker-holds-press).",
        EVENT_TRACKER.remedy,
    ),
    InspectedScenario(
        Cause.NO_LOGON_SHUTDOWN,
        "Shutting down without logging on is not allowed",
        "While no user is logged on, Windows may discard a press of the power button.",
        SHUTDOWN_WITHOUT_LOGON.remedy,
    ),
    InspectedScenario(
        Cause.UNRESPONSIVE_APP,
        "A program may block the shutdown",
        "A program that does not agree to exit blocks the shutdown, by default without limit.",
        remedies.END_APPLICATION,
    ),
    InspectedScenario(
        Cause.UNRESPONSIVE_SERVICE,
        "A service may delay the shutdown",
        "Services are given time to stop, some of them a long time.",
        remedies.STOP_SERVICE,
    ),
    InspectedScenario(
        Cause.POWER_BUTTON_IGNORED,
        "The power button does nothing",
        "A host requests a shutdown by pressing the power button, which Windows is set to ignore.",
        remedies.SET_BUTTON,
    ),
    InspectedScenario(
        Cause.ASLEEP,
        "The guest sleeps instead",
        "The power button, idle time or fast startup put the guest to sleep or hibernate it; a "
        "sleeping guest does not shut down when its power button is pressed.",
        STANDBY_IDLE.remedy,
    ),
    InspectedScenario(
        Cause.DAMAGED_SYSTEM,
        "The system is damaged, or not set up",
        "A system that cannot start, or is not set up yet, does not respond to its power button.",
        remedies.RESTORE_HIVE,
    ),
    InspectedScenario(
        Cause.FORCED_SHUTDOWN,
        "The volume was not closed",
        "The guest was powered off without a shutdown: its volume is checked at the next boot, and "
        "data may be lost.",
        remedies.CLOSE_VOLUME,
    ),
)
"""In the order of the catalogue."""
