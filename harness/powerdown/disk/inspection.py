"""What a look at a Windows at rest has found."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.diagnosis.risks.risk import Severity
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.disk.settings.all_settings import settings_of_disk, settings_of_hive
from powerdown.disk.settings.finding import Finding
from powerdown.disk.settings.findings import findings
from powerdown.disk.settings.setting import Origin, Settings

_NO_POLICIES = "policies are in the SOFTWARE hive: they may override what is told here"


@dataclass(frozen=True)
class Inspection:
    """All settings that bear on a shutdown, and what of them threatens it.

    :param findings: the worst first.
    :param notes: what could not be read, or was mended while reading; one line each.
    """

    settings: Settings
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings that are as bad as ``severity``, or worse."""
        return tuple(f for f in self.findings if f.risk.severity.at_least(severity))


def inspect_disk(contents: DiskContents) -> Inspection:
    """Judge what was read of a disk, as ``all_settings.ALL_SETTINGS`` asks for it."""
    return _judged(settings_of_disk(contents), (*contents.notes, *contents.registry.notes))


def inspect_hive(registry: RegistrySnapshot) -> Inspection:
    """Judge what was read of one hive. What other hives may say instead stays open."""
    settings = settings_of_hive(registry)
    without_policies = settings["tracker-policy-on"].origin is Origin.NOT_READ
    notes = (_NO_POLICIES,) if without_policies else ()
    return _judged(settings, (*registry.notes, *notes))


def _judged(settings: Settings, notes: tuple[str, ...]) -> Inspection:
    return Inspection(settings, findings(settings), notes)
