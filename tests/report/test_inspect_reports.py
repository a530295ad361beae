"""What inspections are written as: JSON, SARIF, JUnit, text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import powerdown.report
from powerdown.core.severity import Severity
from powerdown.core.text import printable
from powerdown.disk.inspection import Inspection, inspect_disk, inspect_hive
from powerdown.report.inspect_json import Kind, inspection_to_json
from powerdown.report.inspect_text import inspection_text
from powerdown.report.inspected_scenarios import INSPECTED_SCENARIOS
from powerdown.report.junit import inspection_to_junit
from powerdown.report.sarif import inspection_to_sarif
from powerdown.windows.settings import registry_keys as paths
from powerdown.windows.settings.button_settings import POWER_BUTTON, SUB_BUTTONS
from tests.support.schema_check import faults
from tests.support.stock_registry import disk, own_of, service, snapshot, stock

SCHEMA = json.loads((Path(powerdown.report.__file__).parent / "inspect.schema.json").read_text())
SARIF_PARTS = json.loads((Path(__file__).parent / "sarif_parts.schema.json").read_text())


@pytest.fixture
def found() -> Inspection:
    keys = stock()
    keys[own_of(SUB_BUTTONS, POWER_BUTTON.guid)] = {"ACSettingIndex": 0}
    keys[paths.REBOOT_PENDING] = {}
    keys[service("VMTools")] = {"PreshutdownTimeout": 2_147_483_647}
    return inspect_disk(disk(keys, dirty=True, notes=("SYSTEM.LOG1 was replayed",)))


def as_json(found: Inspection, fail_on: Severity = Severity.STOPS) -> dict[str, Any]:
    told = inspection_to_json(Kind.DISK, "out/disk.qcow2", found, fail_on, "1.2.3")
    read: dict[str, Any] = json.loads(json.dumps(told))
    return read


def as_sarif(found: Inspection, path: str = "out/disk.qcow2") -> dict[str, Any]:
    log = inspection_to_sarif(PurePosixPath(path), found, "1.2.3")
    read: dict[str, Any] = json.loads(json.dumps(log))
    return read


class TestJson:
    def test_is_what_the_schema_describes(self, found: Inspection) -> None:
        told = as_json(found)
        assert faults(told, SCHEMA) == []
        assert told["failed"] is True
        by_id = {setting["id"]: setting for setting in told["settings"]}
        assert by_id["power-button-ac"]["value"] == 0
        assert by_id["power-button-ac"]["origin"] == "scheme"
        assert len(by_id) == len(told["settings"])
        for finding in told["findings"]:
            assert set(finding["settings"]) <= set(by_id)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda it: it.update(schema_version=99),
            lambda it: it.update(extra=1),
            lambda it: it["findings"][0].update(severity="bad"),
            lambda it: it["settings"][0].pop("origin"),
        ],
    )
    def test_the_schema_refuses_anything_else(self, found: Inspection, spoil: Any) -> None:
        told = as_json(found)
        spoil(told)
        assert faults(told, SCHEMA)


class TestSarif:
    def test_is_sarif(self, found: Inspection) -> None:
        assert faults(as_sarif(found), SARIF_PARTS) == []

    def test_results_are_the_findings(self, found: Inspection) -> None:
        run = as_sarif(found)["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        assert len(run["results"]) == len(found.findings)
        for result, finding in zip(run["results"], found.findings, strict=True):
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.risk.cause
        levels = {result["level"] for result in run["results"]}
        assert levels == {"error", "warning", "note"}
        button = run["results"][0]["locations"][0]
        assert button["physicalLocation"]["artifactLocation"]["uri"] == "out/disk.qcow2"
        place = button["logicalLocations"][0]["fullyQualifiedName"]
        assert place.endswith(rf"{POWER_BUTTON.guid}\ACSettingIndex")

    def test_a_fingerprint_is_of_the_place_not_of_the_value(self, found: Inspection) -> None:
        def fingerprints(inspection: Inspection) -> list[str]:
            results = as_sarif(inspection)["runs"][0]["results"]
            for result in results:
                # GitHub compares the first alone.
                told = result["partialFingerprints"]
                assert told["primaryLocationLineHash"] == told["powerdown/v1"]
            return [result["partialFingerprints"]["powerdown/v1"] for result in results]

        told = fingerprints(found)
        assert len(set(told)) == len(told)
        keys = stock()
        keys[own_of(SUB_BUTTONS, POWER_BUTTON.guid)] = {"ACSettingIndex": 4}
        assert fingerprints(inspect_disk(disk(keys)))[0] == told[0]

    @pytest.mark.parametrize(
        ("path", "uri"),
        [
            ("a b/dü:k.raw", "a%20b/d%C3%BC%3Ak.raw"),
            ("/var/x y.qcow2", "file:///var/x%20y.qcow2"),
        ],
    )
    def test_paths_become_uris(self, found: Inspection, path: str, uri: str) -> None:
        assert as_sarif(found, path)["runs"][0]["artifacts"][0]["location"]["uri"] == uri


class TestJunit:
    def test_a_case_for_each_scenario(self, found: Inspection) -> None:
        suite = ElementTree.fromstring(inspection_to_junit("d", found, Severity.STOPS))[0]
        names = [case.get("name") for case in suite]
        assert names == [str(scenario.cause) for scenario in INSPECTED_SCENARIOS]
        failing = [case.get("name") for case in suite if case.find("failure") is not None]
        assert failing == ["no-logon-shutdown", "power-button-ignored"]
        assert suite.get("failures") == "2"
        update = suite[names.index("windows-update")]
        assert "RebootPending" in (update.findtext("system-out") or "")

    def test_milder_findings_fail_when_asked_to(self, found: Inspection) -> None:
        suite = ElementTree.fromstring(inspection_to_junit("d", found, Severity.LATENT))[0]
        failing = {case.get("name") for case in suite if case.find("failure") is not None}
        assert failing == {str(finding.risk.cause) for finding in found.findings}


class TestText:
    @pytest.mark.parametrize("width", [80, 120])
    def test_only_places_and_remedies_are_wider(self, found: Inspection, width: int) -> None:
        text = inspection_text("disk.qcow2", found, width, with_paths=False)
        wide = [line for line in text.splitlines() if len(line) > width]
        assert [line for line in wide if "\\" not in line and "remedy: " not in line] == []

    def test_findings_come_first(self, found: Inspection) -> None:
        text = inspection_text("disk.qcow2", found, 80, with_paths=False)
        assert text.startswith("disk.qcow2: 7 findings: 2 stops, 3 delays, 2 latent\n")
        assert text.index("stops: power-button-ignored") < text.index("\npower button\n")
        assert "SYSTEM.LOG1 was replayed" in text

    def test_places_where_wanted(self, found: Inspection) -> None:
        place = found.settings["hibernation"].path
        assert place not in inspection_text("d", found, 80, with_paths=False)
        assert place in inspection_text("d", found, 80, with_paths=True)


@given(st.text(max_size=12))
def test_no_name_breaks_a_report(name: str) -> None:
    # Whatever a hive holds: lone surrogates and control characters too.
    keys = snapshot({service(name.replace("\\", "")): {"PreshutdownTimeout": 4_000_000}})
    found = replace(inspect_hive(keys), notes=(name,))
    assert faults(as_json(found), SCHEMA) == []
    assert faults(as_sarif(found), SARIF_PARTS) == []
    ElementTree.fromstring(inspection_to_junit(name, found, Severity.LATENT).encode())
    text = inspection_text(name, found, 80, with_paths=True)
    assert all(line == printable(line) for line in text.split("\n"))
