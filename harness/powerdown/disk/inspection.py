"""The result of inspecting a Windows disk offline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from powerdown.core.severity import Severity
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.disk.settings.disk_settings import settings_of_disk, settings_of_hive
from powerdown.disk.settings.finding import Finding
from powerdown.disk.settings.findings import findings
from powerdown.windows.settings.all_settings import ALL_SETTINGS
from powerdown.windows.settings.declaration import Declaration
from powerdown.windows.settings.readings import Origin, Readings
from powerdown.windows.settings.tracker_settings import TRACKER_POLICY_ON

_NO_POLICIES = "policies are in the SOFTWARE hive and may override the settings listed here"


@dataclass(frozen=True)
class Inspection:
    """All settings that affect a shutdown, and the risks among them.

    :param findings: the most severe first.
    :param notes: what could not be read or was repaired while reading; one line each.
    """

    settings: Readings
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of at least this severity."""
        return tuple(f for f in self.findings if f.risk.severity.at_least(severity))


def inspect_disk(
    contents: DiskContents, settings: Iterable[Declaration] = ALL_SETTINGS
) -> Inspection:
    """Evaluate the data of a disk, as requested by ``disk_settings.request_of``."""
    found = settings_of_disk(contents, settings)
    return _judged(found, (*contents.notes, *contents.registry.notes))


def inspect_hive(registry: RegistrySnapshot) -> Inspection:
    """Evaluate the data of one hive; settings in other hives stay unknown."""
    settings = settings_of_hive(registry)
    policy = settings.of(TRACKER_POLICY_ON)
    without_policies = policy is not None and policy.origin is Origin.NOT_READ
    notes = (_NO_POLICIES,) if without_policies else ()
    return _judged(settings, (*registry.notes, *notes))


def _judged(settings: Readings, notes: tuple[str, ...]) -> Inspection:
    return Inspection(settings, findings(settings), notes)
