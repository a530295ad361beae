"""The risks that a baseline and a screen show."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.core.outcome import Cause
from powerdown.core.severity import Severity
from powerdown.diagnosis import observed, progress, remedies
from powerdown.diagnosis.risks import setting_risks
from powerdown.diagnosis.risks.risk import Risk
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.shutdown.observation import Observation
from powerdown.windows.facts import logon_facts as facts
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.service_settings import PRESHUTDOWN_TIMEOUT


def risks(obs: Observation) -> Iterator[Risk]:
    """The risks found before the command, in the order in which a press meets them."""
    baseline = obs.baseline
    if baseline is None:
        return
    of_settings = list(_of_settings(baseline))
    yield from (risk for risk in of_settings if risk.severity is Severity.STOPS)
    nobody = baseline.console is not None and baseline.console.user is None
    if nobody and baseline.settings.truth(SHUTDOWN_WITHOUT_LOGON) is False:
        shown = (*observed.settings(baseline, SHUTDOWN_WITHOUT_LOGON), observed.session(obs))
        yield setting_risks.of_no_logon("nobody was logged on", Severity.STOPS, shown)
    yield from (risk for risk in of_settings if risk.severity is Severity.MAY_STOP)
    if obs.screens and obs.screens[0].dark:
        yield Risk(
            Cause.ASLEEP,
            Severity.MAY_STOP,
            "the display was dark before",
            (observed.screen(obs.screens[0], "the screen was dark"),),
            remedies.KEEP_DISPLAY_ON,
            (facts.DISPLAY_WAKE,),
        )
    pending = progress.pending_updates(obs)
    if pending:
        yield setting_risks.of_pending_updates(
            pending, (observed.setting("updates are pending", ", ".join(pending)),)
        )
    yield from _services(obs, baseline)
    yield from (risk for risk in of_settings if risk.severity is Severity.DELAYS)


def latent(baseline: GuestBaseline) -> Iterator[Risk]:
    """Settings that matter once something else changes."""
    return (risk for risk in _of_settings(baseline) if risk.severity is Severity.LATENT)


def _of_settings(baseline: GuestBaseline) -> Iterator[Risk]:
    """Settings that do harm by themselves."""
    for readings in setting_risks.harmful(baseline.settings):
        yield setting_risks.of_reading(readings[0], map(observed.reading, readings))


def _services(obs: Observation, baseline: GuestBaseline) -> Iterator[Risk]:
    for name, timeout in progress.preshutdown_timeouts(obs).items():
        shown = observed.settings(baseline, PRESHUTDOWN_TIMEOUT.of(name))
        risk = setting_risks.of_preshutdown(name, timeout, shown)
        if risk is not None:
            yield risk
