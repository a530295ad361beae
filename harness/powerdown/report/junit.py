"""Findings as JUnit XML: one test case for each scenario that a disk can show signs of.

JUnit XML has no standard; this is what the common CI systems read (junit-10.xsd of the Jenkins
xUnit plugin).
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from powerdown.core.severity import Severity
from powerdown.core.text import printable
from powerdown.disk.inspection import Inspection
from powerdown.disk.settings.finding import Finding
from powerdown.disk.settings.findings import evidence
from powerdown.report.inspected_scenarios import INSPECTED_SCENARIOS

_CLASS = "powerdown.inspect"


def inspection_to_junit(name: str, found: Inspection, fail_on: Severity) -> str:
    """The document.

    :param name: the disk or hive.
    :param fail_on: findings of this severity or worse are failures; milder ones are output.
    """
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", name=printable(f"powerdown inspect {name}"))
    failures = 0
    for scenario in INSPECTED_SCENARIOS:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_CLASS, name=str(scenario.cause), time="0"
        )
        found_here = [f for f in found.findings if f.risk.cause is scenario.cause]
        failing = [f for f in found_here if f.risk.severity.at_least(fail_on)]
        milder = [f for f in found_here if f not in failing]
        if failing:
            failures += 1
            worst = failing[0].risk
            failure = ElementTree.SubElement(
                case, "failure", type=str(worst.severity), message=printable(worst.fact)
            )
            failure.text = _text(failing)
        if milder:
            ElementTree.SubElement(case, "system-out").text = _text(milder)
    suite.set("tests", str(len(INSPECTED_SCENARIOS)))
    suite.set("failures", str(failures))
    suite.set("errors", "0")
    suite.set("skipped", "0")
    suite.set("time", "0")
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=False) + "\n"


def _text(findings: Iterable[Finding]) -> str:
    return "\n\n".join("\n".join(map(printable, _lines(finding))) for finding in findings)


def _lines(finding: Finding) -> Iterable[str]:
    risk = finding.risk
    yield f"{risk.severity}: {risk.fact}"
    for setting in finding.settings:
        shown = evidence(setting)
        yield f"  {shown.fact}: {shown.raw}"
    if finding.doubt:
        yield f"  however: {finding.doubt}"
    yield f"  remedy: {risk.remedy}"
