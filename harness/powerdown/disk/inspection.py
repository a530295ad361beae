"""The result of inspecting a Windows disk offline."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.diagnosis.risks.risk import Severity
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.disk.settings.all_settings import settings_of_disk, settings_of_hive
from powerdown.disk.settings.finding import Finding
from powerdown.disk.settings.findings import findings
from powerdown.disk.settings.setting import Origin, Settings

_NO_POLICIES = "policies are in the SOFTWARE hive and may override the settings listed here"


@dataclass(frozen=True)
class Inspection:
    """All settings that affect a shutdown, and the risks among them.

    :param findings: the most severe first.
    :param notes: what could not be read or was repaired while reading; one line each.
    """

    settings: Settings
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of at least this severity."""
        return tuple(f for f in self.findings if f.risk.severity.at_least(severity))


def inspect_disk(contents: DiskContents) -> Inspection:
    """Evaluate the data of a disk, as requested by ``all_settings.ALL_SETTINGS``."""
    return _judged(settings_of_disk(contents), (*contents.notes, *contents.registry.notes))


def inspect_hive(registry: RegistrySnapshot) -> Inspection:
    """Evaluate the data of one hive; settings in other hives stay unknown."""
    settings = settings_of_hive(registry)
    without_policies = settings["tracker-policy-on"].origin is Origin.NOT_READ
    notes = (_NO_POLICIES,) if without_policies else ()
    return _judged(settings, (*registry.notes, *notes))


def _judged(settings: Settings, notes: tuple[str, ...]) -> Inspection:
    return Inspection(settings, findings(settings), notes)
