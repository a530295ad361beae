"""What a baseline of a running guest and an inspection of its disk must both say."""

from __future__ import annotations

from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.windows.commands import PowerSource

USER = "tester"


def shared_values(baseline: GuestBaseline) -> dict[str, object]:
    """By the ids of the settings at rest, what the baseline knows."""
    values = {
        "shutdown-without-logon": baseline.shutdown_without_logon,
        "tracker": baseline.event_tracker,
        "allow-blocking-apps": baseline.allow_blocking_apps,
        "wait-to-kill-service": baseline.wait_to_kill_service_ms,
        "hibernation": baseline.hibernation,
        "fast-startup": baseline.fast_startup,
        # Read of whoever is logged on at the console.
        f"auto-end-tasks:{USER}": baseline.auto_end_tasks,
        f"hung-app-timeout:{USER}": baseline.hung_app_ms,
        f"wait-to-kill-app-timeout:{USER}": baseline.wait_to_kill_app_ms,
    }
    if baseline.button is not None:
        for source in PowerSource:
            live = baseline.button.policy.get(source, baseline.button.scheme[source])
            values[f"power-button-{source.name.lower()}"] = live
    for service, milliseconds in baseline.preshutdown_ms.items():
        values[f"preshutdown-timeout:{service}"] = milliseconds
    return {id: value for id, value in values.items() if value is not None}
