"""Settings and states of a guest that harm a soft shutdown of it, each with what mends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from harness.diagnosis import facts, progress, remedies
from harness.diagnosis.verdict import Evidence
from harness.diagnosis.waiting import SERVICES_DOCUMENTED_MS
from harness.guest.commands import ButtonAction
from harness.guest.survey import Survey
from harness.outcome import Cause
from harness.shutdown.observation import Observation

_SANE_PRESHUTDOWN_MS = 3_600_000
"""The longest Windows gives its own services, wuauserv of 2008 R2 apart (facts 14)."""


class Severity(StrEnum):
    """How much a finding matters for a press now; the worst first."""

    STOPS = "stops"
    """A press now does not shut the guest down."""
    MAY_STOP = "may-stop"
    """It may, or may not: only a press tells."""
    DELAYS = "delays"
    """It may take long."""
    LATENT = "latent"
    """Nothing now; it matters once something else changes."""


@dataclass(frozen=True)
class Threat:
    """One of them.

    :param cause: the scenario that it is.
    :param fact: what was found, one clause.
    :param evidence: what shows it.
    :param remedy: what to do about it, with the commands.
    """

    cause: Cause
    severity: Severity
    fact: str
    evidence: tuple[Evidence, ...]
    remedy: str


def threats(seen: Observation) -> Iterator[Threat]:
    """Those that were found inside before the command, in the order of the way of a press."""
    survey = seen.survey
    if survey is None:
        return
    if seen.button is not None:
        yield from _button(seen, seen.button.effective())
    nobody = survey.console is not None and survey.console.user is None
    if nobody and survey.shutdown_without_logon is False:
        yield Threat(
            Cause.NO_LOGON_SHUTDOWN,
            Severity.STOPS,
            "nobody was logged on and ShutdownWithoutLogon is 0",
            (facts.setting("ShutdownWithoutLogon", "0"), facts.session(seen)),
            remedies.ALLOW_WITHOUT_LOGON,
        )
    if survey.fast_startup:
        # Whether a press shuts down in full is UNCONFIRMED (facts 7).
        yield Threat(
            Cause.ASLEEP,
            Severity.MAY_STOP,
            "fast startup is on",
            (facts.setting("fast startup is on", f"{survey.fast_startup}"),),
            remedies.NO_FAST_STARTUP,
        )
    if seen.screens and seen.screens[0].dark:
        yield Threat(
            Cause.ASLEEP,
            Severity.MAY_STOP,
            "the display was dark before",
            (facts.screen(seen.screens[0], "the screen was dark"),),
            remedies.KEEP_DISPLAY_ON,
        )
    pending = progress.pending_updates(seen)
    if pending:
        named = ", ".join(pending)
        yield Threat(
            Cause.WINDOWS_UPDATE,
            Severity.DELAYS,
            f"update work is pending: {named}",
            (facts.setting("updates are pending", named),),
            remedies.FINISH_UPDATES,
        )
    yield from _services(seen, survey)


def _button(seen: Observation, action: ButtonAction | None) -> Iterator[Threat]:
    if action in (ButtonAction.NOTHING, ButtonAction.DISPLAY_OFF):
        cause, remedy = Cause.POWER_BUTTON_IGNORED, remedies.SET_BUTTON
    elif action is ButtonAction.SLEEP:
        cause, remedy = Cause.ASLEEP, remedies.SET_BUTTON
    elif action is ButtonAction.HIBERNATE:
        cause, remedy = Cause.ASLEEP, remedies.NO_HIBERNATION
    else:
        return
    fact = f"the power button is set to {action.name.lower()}"
    yield Threat(cause, Severity.STOPS, fact, (facts.button(seen),), remedy)


def _services(seen: Observation, survey: Survey) -> Iterator[Threat]:
    for name, timeout in progress.timeouts_beyond(seen, _SANE_PRESHUTDOWN_MS).items():
        if not progress.is_update_service(name):
            yield Threat(
                Cause.UNRESPONSIVE_SERVICE,
                Severity.DELAYS,
                f"service {name} may hold a shutdown for {timeout} ms (PreshutdownTimeout)",
                (facts.setting(f"PreshutdownTimeout of {name}, milliseconds", f"{timeout}"),),
                remedies.for_service(name),
            )
    limit = survey.wait_to_kill_service_ms
    if limit is not None and limit > SERVICES_DOCUMENTED_MS:
        yield Threat(
            Cause.UNRESPONSIVE_SERVICE,
            Severity.DELAYS,
            f"services get {limit} ms (WaitToKillServiceTimeout)",
            (facts.setting("WaitToKillServiceTimeout, milliseconds", f"{limit}"),),
            remedies.LIMIT_SERVICES,
        )
