"""Settings and states of a guest that harm a soft shutdown of it, each with what mends it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.diagnosis import facts, progress, remedies, setting_threats
from harness.diagnosis.threat import Severity, Threat
from harness.guest.survey import Survey
from harness.outcome import Cause
from harness.shutdown.observation import Observation

__all__ = ["Severity", "Threat", "threats"]


def threats(seen: Observation) -> Iterator[Threat]:
    """Those that were found inside before the command, in the order of the way of a press."""
    survey = seen.survey
    if survey is None:
        return
    if seen.button is not None:
        threat = setting_threats.of_button(seen.button.effective(), (facts.button(seen),))
        if threat is not None:
            yield threat
    nobody = survey.console is not None and survey.console.user is None
    if nobody and survey.shutdown_without_logon is False:
        yield setting_threats.of_no_logon(
            "nobody was logged on and ShutdownWithoutLogon is 0",
            Severity.STOPS,
            (facts.setting("ShutdownWithoutLogon", "0"), facts.session(seen)),
        )
    if survey.fast_startup:
        yield setting_threats.of_fast_startup(
            (facts.setting("fast startup is on", f"{survey.fast_startup}"),)
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
        yield setting_threats.of_pending_updates(
            pending, (facts.setting("updates are pending", ", ".join(pending)),)
        )
    yield from _services(seen, survey)


def _services(seen: Observation, survey: Survey) -> Iterator[Threat]:
    for name, timeout in progress.preshutdown_timeouts(seen).items():
        threat = setting_threats.of_preshutdown(
            name,
            timeout,
            (facts.setting(f"PreshutdownTimeout of {name}, milliseconds", f"{timeout}"),),
        )
        if threat is not None:
            yield threat
    limit = survey.wait_to_kill_service_ms
    if limit is not None:
        threat = setting_threats.of_service_limit(
            limit, (facts.setting("WaitToKillServiceTimeout, milliseconds", f"{limit}"),)
        )
        if threat is not None:
            yield threat
