"""What a baseline of a running guest and an inspection of its disk must both say."""

from __future__ import annotations

from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    BLOCKING_APPS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.service_settings import WAIT_TO_KILL_SERVICE
from powerdown.windows.settings.sleep_settings import FAST_STARTUP, HIBERNATION
from powerdown.windows.settings.stored_value import PowerSource
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER
from tests.support.made_settings import preshutdown_ms, value

USER = "tester"


def shared_values(baseline: GuestBaseline) -> dict[str, object]:
    """By the ids of the settings at rest, what the baseline knows."""
    values = {
        "shutdown-without-logon": value(baseline, SHUTDOWN_WITHOUT_LOGON),
        "tracker": value(baseline, EVENT_TRACKER),
        "allow-blocking-apps": value(baseline, BLOCKING_APPS),
        "wait-to-kill-service": value(baseline, WAIT_TO_KILL_SERVICE),
        "hibernation": value(baseline, HIBERNATION),
        "fast-startup": value(baseline, FAST_STARTUP),
        # Read of whoever is logged on at the console.
        f"auto-end-tasks:{USER}": value(baseline, AUTO_END_TASKS),
        f"hung-app-timeout:{USER}": value(baseline, HUNG_APP_TIMEOUT),
        f"wait-to-kill-app-timeout:{USER}": value(baseline, WAIT_TO_KILL_APP_TIMEOUT),
    }
    if baseline.button is not None:
        for source in PowerSource:
            live = baseline.button.policy.get(source, baseline.button.scheme[source])
            values[f"power-button-{source.name.lower()}"] = live
    for service, milliseconds in preshutdown_ms(baseline).items():
        values[f"preshutdown-timeout:{service}"] = milliseconds
    return {id: value for id, value in values.items() if value is not None}
