"""What a survey of a running guest and an inspection of its disk must both say."""

from __future__ import annotations

from powerdown.guest.guest_baseline import Survey
from powerdown.windows.commands import PowerSource

USER = "tester"


def shared_values(survey: Survey) -> dict[str, object]:
    """By the ids of the settings at rest, what the survey knows."""
    values = {
        "shutdown-without-logon": survey.shutdown_without_logon,
        "tracker": survey.event_tracker,
        "allow-blocking-apps": survey.allow_blocking_apps,
        "wait-to-kill-service": survey.wait_to_kill_service_ms,
        "hibernation": survey.hibernation,
        "fast-startup": survey.fast_startup,
        # Read of whoever is logged on at the console.
        f"auto-end-tasks:{USER}": survey.auto_end_tasks,
        f"hung-app-timeout:{USER}": survey.hung_app_ms,
        f"wait-to-kill-app-timeout:{USER}": survey.wait_to_kill_app_ms,
    }
    if survey.button is not None:
        for source in PowerSource:
            live = survey.button.policy.get(source, survey.button.scheme[source])
            values[f"power-button-{source.name.lower()}"] = live
    for service, milliseconds in survey.preshutdown_ms.items():
        values[f"preshutdown-timeout:{service}"] = milliseconds
    return {id: value for id, value in values.items() if value is not None}
