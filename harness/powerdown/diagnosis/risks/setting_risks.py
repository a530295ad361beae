"""Which settings are a risk for a soft shutdown.

The same settings are read from a running guest and from a disk at rest, each in its own way. What
a value does by itself is declared with the setting; what depends on more is defined here, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.diagnosis import progress, remedies
from powerdown.diagnosis.risks.risk import Risk
from powerdown.diagnosis.verdict import Evidence
from powerdown.windows.facts import logon_facts, tracker_facts, update_facts
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.readings import Reading, Readings
from powerdown.windows.settings.service_settings import PRESHUTDOWN_TIMEOUT
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER

SANE_PRESHUTDOWN_MS = 3_600_000
"""The longest that Windows gives its own services, except wuauserv of 2008 R2
(fact:preshutdown-own-services)."""

_Shown = tuple[Evidence, ...]


def harmful(readings: Readings) -> Iterator[tuple[Reading, ...]]:
    """Settings with a value that does harm by itself; the reading that decides comes first, and a
    switch that it depends on behind it."""
    for reading in readings:
        if reading.harm is None:
            continue
        switch = None if reading.harm.while_on is None else readings.of(reading.harm.while_on)
        if reading.harm.while_on is None:
            yield (reading,)
        elif switch is not None and switch.truth is True:
            yield reading, switch


def of_reading(reading: Reading, shown: Iterable[Evidence]) -> Risk:
    """The risk of a value that does harm by itself.

    :param reading: has a harm.
    """
    harm = reading.harm
    assert harm is not None
    return Risk(
        harm.cause,
        harm.severity,
        harm.says,
        tuple(shown),
        reading.remedy,
        harm.facts,
        harm.limits,
    )


def of_no_logon(says: str, severity: Severity, shown: _Shown) -> Risk:
    """A shutdown is not allowed while nobody is logged on.

    :param severity: depends on whether a user is logged on.
    """
    return Risk(
        Cause.NO_LOGON_SHUTDOWN,
        severity,
        f"{says} ({SHUTDOWN_WITHOUT_LOGON.value_name} is 0)",
        shown,
        SHUTDOWN_WITHOUT_LOGON.remedy,
        (logon_facts.NO_LOGON_PRESS,),
    )


def of_pending_updates(names: Sequence[str], shown: _Shown) -> Risk:
    """Update work waits for the next stop or start.

    :param names: its marks, at least one.
    """
    return Risk(
        Cause.WINDOWS_UPDATE,
        Severity.DELAYS,
        f"update work is pending: {', '.join(names)}",
        shown,
        remedies.FINISH_UPDATES,
        limits="a mark does not prove that this shutdown is slow",
    )


def of_preshutdown(name: str, milliseconds: int, shown: _Shown) -> Risk | None:
    """A service may block a shutdown for long; that update services do is expected."""
    if milliseconds <= SANE_PRESHUTDOWN_MS or progress.is_update_service(name):
        return None
    return Risk(
        Cause.UNRESPONSIVE_SERVICE,
        Severity.DELAYS,
        f"service {name} may block a shutdown for {milliseconds} ms ({PRESHUTDOWN_TIMEOUT.name})",
        shown,
        remedies.for_service(name),
        (update_facts.PRESHUTDOWN_PHASE,),
    )


def of_open_tracker(shown: _Shown) -> Risk:
    """A dialog of the Shutdown Event Tracker is open."""
    return Risk(
        Cause.EVENT_TRACKER,
        Severity.MAY_STOP,
        "a dialog of the Shutdown Event Tracker is open",
        shown,
        EVENT_TRACKER.remedy,
        (tracker_facts.TRACKER_HOLDS_PRESS,),
    )
