"""Settings and states of a guest that harm a soft shutdown of it, each with what mends it."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.core.outcome import Cause
from powerdown.diagnosis import observed, progress, remedies
from powerdown.diagnosis.risks import setting_risks
from powerdown.diagnosis.risks.risk import Severity, Threat
from powerdown.guest.guest_baseline import Survey
from powerdown.shutdown.observation import Observation

__all__ = ["Severity", "Threat", "threats"]


def threats(seen: Observation) -> Iterator[Threat]:
    """Those that were found inside before the command, in the order of the way of a press."""
    survey = seen.survey
    if survey is None:
        return
    if seen.button is not None:
        threat = setting_risks.of_button(seen.button.effective(), (observed.button(seen),))
        if threat is not None:
            yield threat
    nobody = survey.console is not None and survey.console.user is None
    if nobody and survey.shutdown_without_logon is False:
        yield setting_risks.of_no_logon(
            "nobody was logged on and ShutdownWithoutLogon is 0",
            Severity.STOPS,
            (observed.setting("ShutdownWithoutLogon", "0"), observed.session(seen)),
        )
    if survey.fast_startup:
        yield setting_risks.of_fast_startup(
            (observed.setting("fast startup is on", f"{survey.fast_startup}"),)
        )
    if seen.screens and seen.screens[0].dark:
        yield Threat(
            Cause.ASLEEP,
            Severity.MAY_STOP,
            "the display was dark before",
            (observed.screen(seen.screens[0], "the screen was dark"),),
            remedies.KEEP_DISPLAY_ON,
        )
    pending = progress.pending_updates(seen)
    if pending:
        yield setting_risks.of_pending_updates(
            pending, (observed.setting("updates are pending", ", ".join(pending)),)
        )
    yield from _services(seen, survey)


def _services(seen: Observation, survey: Survey) -> Iterator[Threat]:
    for name, timeout in progress.preshutdown_timeouts(seen).items():
        threat = setting_risks.of_preshutdown(
            name,
            timeout,
            (observed.setting(f"PreshutdownTimeout of {name}, milliseconds", f"{timeout}"),),
        )
        if threat is not None:
            yield threat
    limit = survey.wait_to_kill_service_ms
    if limit is not None:
        threat = setting_risks.of_service_limit(
            limit, (observed.setting("WaitToKillServiceTimeout, milliseconds", f"{limit}"),)
        )
        if threat is not None:
            yield threat
