"""Powerdown: a conformance harness for the soft shutdown of Windows guests.

The names below are what a test suite needs; suites import nothing else. Each is imported when it
is first used, so that ``import powerdown`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from powerdown.core.errors import NotOnThisGuest, PowerdownError
    from powerdown.core.outcome import Cause, Expected, Outcome
    from powerdown.diagnosis.verdict import Confidence, Evidence, Source, Verdict
    from powerdown.faults.catalogue import CATALOGUE, find_fault, find_faults
    from powerdown.faults.fault import Fault
    from powerdown.faults.fault_cycle import boot_with_faults, run_fault_cycle
    from powerdown.faults.fault_pairs import FaultPair, sensible_pairs
    from powerdown.guest.guest import Guest
    from powerdown.host.host import Host
    from powerdown.images.image import Image, Transport
    from powerdown.machine.backend import Backend
    from powerdown.machine.shutdown_mode import ShutdownMode
    from powerdown.pytest_plugin.open_scenario import OpenScenario
    from powerdown.scenario.aftermath import Aftermath, end_with_unfinished_work
    from powerdown.scenario.expectation import ExpectedVerdicts, UnexpectedVerdict
    from powerdown.scenario.lost_channel import channel_lost_at_press
    from powerdown.scenario.scenario import Scenario
    from powerdown.shutdown.observation import Command
    from powerdown.windows.commands import RESTART, SHUT_DOWN

__all__ = [
    "CATALOGUE",
    "RESTART",
    "SHUT_DOWN",
    "Aftermath",
    "Backend",
    "Cause",
    "Command",
    "Confidence",
    "Evidence",
    "Expected",
    "ExpectedVerdicts",
    "Fault",
    "FaultPair",
    "Guest",
    "Host",
    "Image",
    "NotOnThisGuest",
    "OpenScenario",
    "Outcome",
    "PowerdownError",
    "Scenario",
    "ShutdownMode",
    "Source",
    "Transport",
    "UnexpectedVerdict",
    "Verdict",
    "__version__",
    "boot_with_faults",
    "channel_lost_at_press",
    "end_with_unfinished_work",
    "find_fault",
    "find_faults",
    "run_fault_cycle",
    "sensible_pairs",
]

__version__: str
"""Version of the installed package."""

_MODULES = {
    "core.errors": ("NotOnThisGuest", "PowerdownError"),
    "core.outcome": ("Cause", "Expected", "Outcome"),
    "diagnosis.verdict": ("Confidence", "Evidence", "Source", "Verdict"),
    "faults.catalogue": ("CATALOGUE", "find_fault", "find_faults"),
    "faults.fault": ("Fault",),
    "faults.fault_cycle": ("boot_with_faults", "run_fault_cycle"),
    "faults.fault_pairs": ("FaultPair", "sensible_pairs"),
    "guest.guest": ("Guest",),
    "host.host": ("Host",),
    "images.image": ("Image", "Transport"),
    "machine.backend": ("Backend",),
    "machine.shutdown_mode": ("ShutdownMode",),
    "pytest_plugin.open_scenario": ("OpenScenario",),
    "scenario.aftermath": ("Aftermath", "end_with_unfinished_work"),
    "scenario.expectation": ("ExpectedVerdicts", "UnexpectedVerdict"),
    "scenario.lost_channel": ("channel_lost_at_press",),
    "scenario.scenario": ("Scenario",),
    "shutdown.observation": ("Command",),
    "windows.commands": ("RESTART", "SHUT_DOWN"),
}
"""Where each name is defined: the imports above, once more for the interpreter."""


def __getattr__(name: str) -> object:
    """Import a name of the public face when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        found: object = version("powerdown")
    else:
        module = next((module for module, names in _MODULES.items() if name in names), None)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
