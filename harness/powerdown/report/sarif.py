"""Findings as SARIF 2.1.0, for code scanning (OASIS: Static Analysis Results Interchange Format).

Rules are the scenarios, results the findings. The physical location of a result is the disk or
hive, its logical location the registry value. The fingerprint is made of rule and setting, not of
the value. GitHub tells results of one rule and file apart by ``primaryLocationLineHash`` alone
(GitHub: SARIF support for code scanning); where it is missing, the upload action hashes the line,
which is the same for all results in a disk.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from urllib.parse import quote

from powerdown.core.severity import Severity
from powerdown.core.text import clean
from powerdown.disk.inspection import Inspection
from powerdown.disk.settings.finding import Finding
from powerdown.report.document import Json
from powerdown.report.inspected_scenarios import INSPECTED_SCENARIOS, InspectedScenario
from powerdown.windows.settings.readings import Reading

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_FINGERPRINTS = ("primaryLocationLineHash", "powerdown/v1")

_LEVELS = {
    Severity.STOPS: "error",
    Severity.MAY_STOP: "warning",
    Severity.DELAYS: "warning",
    Severity.LATENT: "note",
}

_RULES = {scenario.cause: index for index, scenario in enumerate(INSPECTED_SCENARIOS)}


def inspection_to_sarif(path: PurePath, found: Inspection, powerdown_version: str) -> Json:
    """The log of one inspection.

    :param path: the disk or hive as given. Code scanning shows it if the path is relative to the
        root of the repository.
    """
    artifact: Json = {"uri": _uri(path)}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "powerdown",
                        "version": clean(powerdown_version),
                        "rules": [_rule(scenario) for scenario in INSPECTED_SCENARIOS],
                    }
                },
                "artifacts": [{"location": artifact}],
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {"level": "note", "message": {"text": clean(note)}}
                            for note in found.notes
                        ],
                    }
                ],
                "results": [_result(finding, artifact) for finding in found.findings],
                "columnKind": "unicodeCodePoints",
            }
        ],
    }


def _rule(scenario: InspectedScenario) -> Json:
    text = f"{scenario.help} {scenario.remedy}"
    return {
        "id": str(scenario.cause),
        "shortDescription": {"text": scenario.title},
        "fullDescription": {"text": scenario.help},
        "help": {"text": text, "markdown": f"{scenario.help}\n\n```\n{scenario.remedy}\n```\n"},
        "properties": {"tags": ["reliability", "shutdown"]},
    }


def _result(finding: Finding, artifact: Json) -> Json:
    risk, decisive = finding.risk, finding.settings[0]
    doubt = f" However: {finding.doubt}." if finding.doubt else ""
    shown = "; ".join(_shown(setting) for setting in finding.settings)
    text = f"{risk.fact}. {shown}.{doubt} Remedy: {risk.remedy}"
    return {
        "ruleId": str(risk.cause),
        "ruleIndex": _RULES[risk.cause],
        "level": _LEVELS[risk.severity],
        "message": {"text": clean(text)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {**artifact, "index": 0},
                    # A disk has no lines, but GitHub hides results without one.
                    "region": {"startLine": 1},
                },
                "logicalLocations": [_logical(setting) for setting in finding.settings],
            }
        ],
        "partialFingerprints": dict.fromkeys(_FINGERPRINTS, _fingerprint(finding)),
        "properties": {"severity": str(risk.severity), "setting": clean(decisive.id)},
    }


def _logical(setting: Reading) -> Json:
    path = setting.path or setting.name
    return {
        "name": clean(setting.value_name or setting.name),
        "fullyQualifiedName": clean(path),
        "kind": "resource",
    }


def _shown(setting: Reading) -> str:
    raw = setting.shown if setting.raw is None else setting.raw
    return f"{setting.path or setting.name}: {raw} ({setting.origin})"


def _fingerprint(finding: Finding) -> str:
    identity = "\0".join((str(finding.risk.cause), *(setting.id for setting in finding.settings)))
    return hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _uri(path: PurePath) -> str:
    if path.is_absolute():
        return path.as_uri()
    # A colon is quoted too: in a first segment it would end a scheme (RFC 3986, 4.2).
    return quote(path.as_posix())
