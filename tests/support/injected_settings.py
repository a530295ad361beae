"""What a baseline shows of each fault that is a setting, and after its remedy."""

from __future__ import annotations

from collections.abc import Callable

from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault import beyond_hard_ms, beyond_soft_ms
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.windows.settings.application_settings import (
    AUTO_END_TASKS,
    BLOCKING_APPS,
    HUNG_APP_TIMEOUT,
    WAIT_TO_KILL_APP_TIMEOUT,
)
from powerdown.windows.settings.button_settings import ButtonAction
from powerdown.windows.settings.logon_settings import SHUTDOWN_WITHOUT_LOGON
from powerdown.windows.settings.service_settings import WAIT_TO_KILL_SERVICE
from powerdown.windows.settings.sleep_settings import FAST_STARTUP, HIBERNATION
from powerdown.windows.settings.tracker_settings import EVENT_TRACKER
from tests.support.fake_target import GUEST
from tests.support.made_settings import value


def _runs(image_name: str) -> Callable[[GuestBaseline], bool]:
    return lambda seen: any(process.name.lower() == image_name for process in seen.processes)


def _service(name: str) -> Callable[[GuestBaseline], bool]:
    return lambda seen: any(service.name == name for service in seen.services)


def _not(holds: Callable[[GuestBaseline], bool]) -> Callable[[GuestBaseline], bool]:
    return lambda seen: not holds(seen)


FAULTS = {str(fault): fault for fault in CATALOGUE}


# What must be so after the injection.
INJECTED: dict[str, Callable[[GuestBaseline], bool]] = {
    "windows-update/markers-only": lambda seen: "RebootPending" in seen.update_markers,
    "event-tracker/policy-only": lambda seen: value(seen, EVENT_TRACKER) is True,
    "no-logon-shutdown/forbidden": lambda seen: (
        seen.console is not None
        and seen.console.user is None
        and not value(seen, SHUTDOWN_WITHOUT_LOGON)
    ),
    "no-logon-shutdown/allowed": lambda seen: (
        seen.console is not None
        and seen.console.user is None
        and value(seen, SHUTDOWN_WITHOUT_LOGON) is True
    ),
    "no-logon-shutdown/logged-on": lambda seen: (
        seen.console is not None and seen.console.user is not None
    ),
    "no-logon-shutdown/locked": lambda seen: (
        seen.console is not None and seen.console.locked is True
    ),
    "unresponsive-app/refuses": _runs("powerdown-refuser.exe"),
    "unresponsive-app/hangs": _runs("powerdown-hanger.exe"),
    "unresponsive-app/gives-reason": _runs("powerdown-reasoned.exe"),
    "unresponsive-app/hidden-window": _runs("powerdown-hidden.exe"),
    "unresponsive-app/hidden-window-allowed": lambda seen: value(seen, BLOCKING_APPS) is True,
    "unresponsive-app/console": _runs("powerdown-console.exe"),
    "unresponsive-app/console-allowed": lambda seen: value(seen, BLOCKING_APPS) is True,
    "unresponsive-app/auto-end-tasks": lambda seen: value(seen, AUTO_END_TASKS) is True,
    "unresponsive-app/hung-app-timeout": lambda seen: (
        value(seen, AUTO_END_TASKS) is True
        and value(seen, HUNG_APP_TIMEOUT) == beyond_soft_ms(GUEST)
    ),
    "unresponsive-app/slow-to-end": lambda seen: (
        value(seen, AUTO_END_TASKS) is True
        and value(seen, WAIT_TO_KILL_APP_TIMEOUT) == beyond_hard_ms(GUEST)
        and _runs("powerdown-lingerer.exe")(seen)
    ),
    "unresponsive-service/stops-late": _service("PowerdownStubborn"),
    "unresponsive-service/never-stops": lambda seen: (
        value(seen, WAIT_TO_KILL_SERVICE) == beyond_hard_ms(GUEST)
    ),
    "unresponsive-service/preshutdown-holder": _service("PowerdownHolder"),
    "unresponsive-service/preshutdown-within": _service("PowerdownHolder"),
    "asleep/button-sleeps": lambda seen: (
        seen.button is not None and seen.button.effective() is ButtonAction.SLEEP
    ),
    "asleep/button-hibernates": lambda seen: (
        value(seen, HIBERNATION) is True
        and seen.button is not None
        and seen.button.effective() is ButtonAction.HIBERNATE
    ),
    "asleep/fast-startup": lambda seen: value(seen, FAST_STARTUP) is True,
    "damaged-system/aborter": _service("PowerdownAborter"),
}


AS_IT_IS = {"event-tracker/policy-only", "no-logon-shutdown/logged-on"}
"""Injections of what a server in use is like anyway."""


# What must be so after the remedy.
REMEDIED: dict[str, Callable[[GuestBaseline], bool]] = {
    "no-logon-shutdown/forbidden": lambda seen: value(seen, SHUTDOWN_WITHOUT_LOGON) is True,
    "unresponsive-app/refuses": _not(_runs("powerdown-refuser.exe")),
    "unresponsive-app/hangs": _not(_runs("powerdown-hanger.exe")),
    "unresponsive-app/gives-reason": _not(_runs("powerdown-reasoned.exe")),
    "unresponsive-app/hidden-window-allowed": _not(_runs("powerdown-hidden.exe")),
    "unresponsive-app/hung-app-timeout": lambda seen: value(seen, HUNG_APP_TIMEOUT) == 2000,
    # As slow as before: only its time is less.
    "unresponsive-app/slow-to-end": lambda seen: (
        value(seen, WAIT_TO_KILL_APP_TIMEOUT) == 2000 and _runs("powerdown-lingerer.exe")(seen)
    ),
    "unresponsive-service/never-stops": _not(_service("PowerdownStubborn")),
    "unresponsive-service/preshutdown-holder": _not(_service("PowerdownHolder")),
    "asleep/button-sleeps": lambda seen: (
        seen.button is not None and seen.button.effective() is ButtonAction.SHUT_DOWN
    ),
    "asleep/button-hibernates": lambda seen: value(seen, HIBERNATION) is False,
    "asleep/fast-startup": lambda seen: value(seen, FAST_STARTUP) is False,
    "damaged-system/aborter": _not(_service("PowerdownAborter")),
}
