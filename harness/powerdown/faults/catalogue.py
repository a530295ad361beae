"""Every failure that can be provoked, in the order of ``docs/scenarios.md``."""

from __future__ import annotations

from powerdown.faults import (
    asleep,
    damaged_system,
    event_tracker,
    no_logon_shutdown,
    power_button_ignored,
    unresponsive_app,
    unresponsive_service,
    windows_update,
)
from powerdown.faults.fault import Fault

CATALOGUE: tuple[Fault, ...] = (
    *windows_update.VARIANTS,
    *event_tracker.VARIANTS,
    *no_logon_shutdown.VARIANTS,
    *unresponsive_app.VARIANTS,
    *unresponsive_service.VARIANTS,
    *power_button_ignored.VARIANTS,
    *asleep.VARIANTS,
    *damaged_system.VARIANTS,
)
"""All variants of all failures."""
