"""The risks that a baseline and a screen show."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.core.outcome import Cause
from powerdown.diagnosis import observed, progress, remedies
from powerdown.diagnosis.risks import setting_risks
from powerdown.diagnosis.risks.risk import Risk, Severity
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.shutdown.observation import Observation

__all__ = ["Risk", "Severity", "risks"]


def risks(obs: Observation) -> Iterator[Risk]:
    """The risks found before the command, in the order in which a press meets them."""
    baseline = obs.baseline
    if baseline is None:
        return
    if obs.button is not None:
        risk = setting_risks.of_button(obs.button.effective(), (observed.button(obs),))
        if risk is not None:
            yield risk
    nobody = baseline.console is not None and baseline.console.user is None
    if nobody and baseline.shutdown_without_logon is False:
        yield setting_risks.of_no_logon(
            "nobody was logged on and ShutdownWithoutLogon is 0",
            Severity.STOPS,
            (observed.setting("ShutdownWithoutLogon", "0"), observed.session(obs)),
        )
    if baseline.fast_startup:
        yield setting_risks.of_fast_startup(
            (observed.setting("fast startup is on", f"{baseline.fast_startup}"),)
        )
    if obs.screens and obs.screens[0].dark:
        yield Risk(
            Cause.ASLEEP,
            Severity.MAY_STOP,
            "the display was dark before",
            (observed.screen(obs.screens[0], "the screen was dark"),),
            remedies.KEEP_DISPLAY_ON,
        )
    pending = progress.pending_updates(obs)
    if pending:
        yield setting_risks.of_pending_updates(
            pending, (observed.setting("updates are pending", ", ".join(pending)),)
        )
    yield from _services(obs, baseline)


def _services(obs: Observation, baseline: GuestBaseline) -> Iterator[Risk]:
    for name, timeout in progress.preshutdown_timeouts(obs).items():
        risk = setting_risks.of_preshutdown(
            name,
            timeout,
            (observed.setting(f"PreshutdownTimeout of {name}, milliseconds", f"{timeout}"),),
        )
        if risk is not None:
            yield risk
    limit = baseline.wait_to_kill_service_ms
    if limit is not None:
        risk = setting_risks.of_service_limit(
            limit, (observed.setting("WaitToKillServiceTimeout, milliseconds", f"{limit}"),)
        )
        if risk is not None:
            yield risk
