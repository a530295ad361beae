"""Which values of a setting are a risk for a soft shutdown.

The same settings are read from a running guest and from a disk at rest, each in its own way; what a
value means is defined here, once.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerdown.core.outcome import Cause
from powerdown.diagnosis import progress, remedies
from powerdown.diagnosis.risks.risk import Risk, Severity
from powerdown.diagnosis.verdict import Evidence
from powerdown.windows.commands import ButtonAction
from powerdown.windows.service_commands import SERVICES_DOCUMENTED_MS

SANE_PRESHUTDOWN_MS = 3_600_000
"""The longest that Windows gives its own services, except wuauserv of 2008 R2
(fact:preshutdown-own-services)."""

_Shown = tuple[Evidence, ...]


def of_button(
    action: ButtonAction | None, shown: _Shown, severity: Severity = Severity.STOPS, on: str = ""
) -> Risk | None:
    """A power button that is set to something else than shutting down.

    :param action: ``None`` where it is not known: then there is no risk to name.
    :param on: the power source that it applies to, where it is not the guest's current one.
    """
    if action in (ButtonAction.NOTHING, ButtonAction.DISPLAY_OFF):
        cause, remedy = Cause.POWER_BUTTON_IGNORED, remedies.SET_BUTTON
    elif action is ButtonAction.SLEEP:
        cause, remedy = Cause.ASLEEP, remedies.SET_BUTTON
    elif action is ButtonAction.HIBERNATE:
        cause, remedy = Cause.ASLEEP, remedies.NO_HIBERNATION
    else:
        return None
    fact = f"the power button is set to {action.name.lower()}{on}"
    return Risk(cause, severity, fact, shown, remedy)


def of_power_left_on(shown: _Shown) -> Risk:
    """Windows is set to end without switching the power off (learn: Policy CSP, ADMX_Power). The
    documentation names shutdowns that programs ask for; a press is fact:power-left-on-press.
    """
    return Risk(
        Cause.POWER_BUTTON_IGNORED,
        Severity.MAY_STOP,
        "Windows is set to leave the power on when it has ended (DontPowerOffAfterShutdown)",
        shown,
        remedies.POWER_OFF_AT_THE_END,
    )


def of_no_logon(fact: str, severity: Severity, shown: _Shown) -> Risk:
    """A shutdown is not allowed while nobody is logged on.

    :param severity: depends on whether a user is logged on.
    """
    return Risk(Cause.NO_LOGON_SHUTDOWN, severity, fact, shown, remedies.ALLOW_WITHOUT_LOGON)


def of_fast_startup(shown: _Shown) -> Risk:
    """A press may not shut down in full then (fact:fast-startup-press)."""
    return Risk(
        Cause.ASLEEP, Severity.MAY_STOP, "fast startup is on", shown, remedies.NO_FAST_STARTUP
    )


def of_pending_updates(names: Sequence[str], shown: _Shown) -> Risk:
    """Update work waits for the next stop or start.

    :param names: its markers, at least one.
    """
    fact = f"update work is pending: {', '.join(names)}"
    return Risk(Cause.WINDOWS_UPDATE, Severity.DELAYS, fact, shown, remedies.FINISH_UPDATES)


def of_preshutdown(name: str, milliseconds: int, shown: _Shown) -> Risk | None:
    """A service may block a shutdown for long; that update services do is expected."""
    if milliseconds <= SANE_PRESHUTDOWN_MS or progress.is_update_service(name):
        return None
    return Risk(
        Cause.UNRESPONSIVE_SERVICE,
        Severity.DELAYS,
        f"service {name} may block a shutdown for {milliseconds} ms (PreshutdownTimeout)",
        shown,
        remedies.for_service(name),
    )


def of_service_limit(milliseconds: int, shown: _Shown) -> Risk | None:
    """Services get long to stop."""
    if milliseconds <= SERVICES_DOCUMENTED_MS:
        return None
    return Risk(
        Cause.UNRESPONSIVE_SERVICE,
        Severity.DELAYS,
        f"services get {milliseconds} ms (WaitToKillServiceTimeout)",
        shown,
        remedies.LIMIT_SERVICES,
    )


def of_tracker(*, opened: bool, shown: _Shown) -> Risk:
    """The Shutdown Event Tracker is on. An open dialog of it may block an ACPI press
    (fact:tracker-holds-press).

    :param opened: whether a dialog of it is open.
    """
    return Risk(
        Cause.EVENT_TRACKER,
        Severity.MAY_STOP if opened else Severity.LATENT,
        "a dialog of the Shutdown Event Tracker is open"
        if opened
        else "the Shutdown Event Tracker is on: a dialog left open may block a press",
        shown,
        remedies.TRACKER_OFF,
    )
