"""What ``powerdown inspect --json`` prints; ``inspect.schema.json`` describes it."""

from __future__ import annotations

from enum import StrEnum

from powerdown.core.severity import Severity
from powerdown.core.text import clean
from powerdown.disk.inspection import Inspection
from powerdown.disk.settings.finding import Finding
from powerdown.report.verdict_json import Json
from powerdown.windows.settings.reading import Reading

SCHEMA_VERSION = 1


class Kind(StrEnum):
    """What was inspected."""

    DISK = "disk"
    HIVE = "hive"


def inspection_to_json(
    kind: Kind, path: str, found: Inspection, fail_on: Severity, powerdown_version: str
) -> Json:
    """The result as ``inspect.schema.json`` describes it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "powerdown_version": clean(powerdown_version),
        "kind": str(kind),
        "path": clean(path),
        "fail_on": str(fail_on),
        "failed": bool(found.at_least(fail_on)),
        "findings": [_finding(finding) for finding in found.findings],
        "settings": [_setting(setting) for setting in found.settings],
        "notes": [clean(note) for note in found.notes],
    }


def _finding(finding: Finding) -> Json:
    risk = finding.risk
    return {
        "severity": str(risk.severity),
        "cause": str(risk.cause),
        "fact": clean(risk.fact),
        "doubt": clean(finding.doubt) or None,
        "settings": [clean(setting.id) for setting in finding.settings],
        "remedy": clean(risk.remedy),
    }


def _setting(setting: Reading) -> Json:
    value = setting.value
    return {
        "id": clean(setting.id),
        "group": str(setting.group),
        "name": clean(setting.name),
        "value": clean(value) if isinstance(value, str) else value,
        "shown": clean(setting.shown),
        "origin": setting.origin.name.lower().replace("_", "-"),
        "key": clean(setting.key) or None,
        "value_name": clean(setting.value_name) or None,
        "raw": None if setting.raw is None else clean(setting.raw),
        "confirmed": setting.confirmed,
        "note": clean(setting.note) or None,
    }
