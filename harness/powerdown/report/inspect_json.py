"""What ``powerdown inspect --json`` prints; ``inspect.schema.json`` describes it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta

from powerdown.core.severity import Severity
from powerdown.disk.inspection import Inspection
from powerdown.disk.settings.finding import Finding
from powerdown.report.document import Document, Json
from powerdown.report.inspected_scenarios import INSPECTED_SCENARIOS
from powerdown.report.verdict_json import FactJson, facts_json
from powerdown.windows.settings.readings import Group, Origin, Reading
from powerdown.windows.settings.setting_value import SettingValue

SCHEMA_VERSION: Final = 2


class Kind(StrEnum):
    """What was inspected."""

    DISK = "disk"
    HIVE = "hive"


def _name_of(origin: Origin) -> str:
    return origin.name.lower().replace("_", "-")


_Severity = Annotated[
    Severity,
    Meta(
        description="stops: a press does not shut the guest down. may-stop: only a press can tell. "
        "delays: it may take long. latent: no effect now, but once something else changes."
    ),
]

_Origin = Annotated[
    str,
    Meta(
        description="Where it comes from. documented: the value is absent, and this is the "
        "documented default. absent: it is absent and no default is documented, or being "
        "absent is the value. together: derived from the settings that the note names. "
        "not-read: its hive was not given or could not be read.",
        extra_json_schema={"enum": [_name_of(origin) for origin in Origin]},
    ),
]
_Cause = Annotated[
    str,
    Meta(
        description="Scenario id, as in docs/scenarios.md.",
        extra_json_schema={"enum": [str(each.cause) for each in INSPECTED_SCENARIOS]},
    ),
]


class FindingJson(Document, frozen=True):
    """A risk that was found."""

    severity: _Severity
    cause: _Cause
    fact: str
    """One clause."""
    doubt: str | None
    """What about it is not confirmed; null if all is."""
    rests_on: tuple[FactJson, ...]
    """The facts by which it is a risk, besides what was read."""
    settings: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Ids of the settings behind it; the first one is decisive."""
    remedy: str
    """The remedy, with commands for an elevated cmd.exe in the running guest."""


class SettingJson(Document, frozen=True):
    """A setting and where it comes from."""

    id: str
    """Stable. Those of services, marks and profiles end in a colon and the name."""
    group: Group
    name: str
    value: SettingValue
    """The effective value: times in milliseconds where the name ends in Timeout, else in seconds.
    null: unknown, or none."""
    shown: str
    """The value in words."""
    origin: _Origin
    key: str | None
    """The decisive registry key, by its path in the running guest."""
    value_name: str | None
    raw: str | None
    """What is stored there, as reg query prints it; null: nothing. Passwords are never shown."""
    confirmed: bool
    """Whether its meaning rests on no unconfirmed fact."""
    facts: tuple[str, ...]
    """Ids of the facts that its meaning rests on."""
    note: str | None


class InspectionJson(Document, frozen=True):
    """The settings of a disk image or a registry hive that affect a soft shutdown, and the findings
    that endanger it.
    """

    schema_version: Literal[2]
    powerdown_version: str
    kind: Kind
    """A single hive holds only some of the settings."""
    path: str
    """The disk or hive, as given on the command line."""
    fail_on: _Severity
    failed: bool
    """Whether a finding is as severe as fail_on or more: then the exit status is 1."""
    findings: tuple[FindingJson, ...]
    """The most severe first."""
    settings: tuple[SettingJson, ...]
    notes: tuple[str, ...]
    """What could not be read, or was repaired while reading."""


def inspection_to_json(
    kind: Kind, path: str, found: Inspection, fail_on: Severity, powerdown_version: str
) -> Json:
    """The result as ``inspect.schema.json`` describes it."""
    return InspectionJson(
        schema_version=SCHEMA_VERSION,
        powerdown_version=powerdown_version,
        kind=kind,
        path=path,
        fail_on=fail_on,
        failed=bool(found.at_least(fail_on)),
        findings=tuple(map(_finding, found.findings)),
        settings=tuple(map(_setting, found.settings)),
        notes=found.notes,
    ).to_json()


def _finding(finding: Finding) -> FindingJson:
    risk = finding.risk
    return FindingJson(
        severity=risk.severity,
        cause=risk.cause,
        fact=risk.fact,
        doubt=finding.doubt or None,
        rests_on=facts_json(risk.rests_on),
        settings=tuple(setting.id for setting in finding.settings),
        remedy=risk.remedy,
    )


def _setting(setting: Reading) -> SettingJson:
    return SettingJson.from_attributes(
        setting,
        origin=_name_of(setting.origin),
        key=setting.key or None,
        value_name=setting.value_name or None,
        note=setting.note or None,
        facts=tuple(fact.id for fact in setting.facts),
    )
