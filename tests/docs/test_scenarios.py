"""``docs/scenarios.md`` says what the code does: its variants, verdicts and commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from powerdown.core.outcome import Cause
from powerdown.diagnosis import remedies
from powerdown.diagnosis.rules.rule_order import RULES
from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault import BlockedAt, Fault, ScenarioId
from powerdown.windows import commands
from powerdown.windows.facts.all_facts import fact
from powerdown.windows.settings.all_settings import ALL_SETTINGS
from tests.support.paths import REPOSITORY

ROOT = REPOSITORY
TEXT = (ROOT / "docs" / "scenarios.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
"""Text by heading."""

TOOLS = ("reg ", "powercfg ", "sc.exe ", "taskkill ", "shutdown ", "sfc ", "fsutil ")
"""With which of Windows' tools a command in a sentence begins."""


def rows(section: str) -> dict[str, str]:
    """What must be diagnosed, by variant, from the section's table."""
    found = re.findall(r"^\| `([^`]+)` \|[^|]*\|([^|]*)\|", section, re.MULTILINE)
    return {variant: cell.strip() for variant, cell in found}


def pasted(section: str) -> list[str]:
    """The lines of its fenced blocks."""
    blocks = re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def advised_by_verdicts() -> str:
    """All that verdicts advise."""
    texts = [value for value in vars(remedies).values() if isinstance(value, str)]
    return "\n".join((*texts, *(setting.remedy for setting in ALL_SETTINGS)))


def known_lines() -> Iterator[str]:
    """Command lines of the code as a whole, without what is said to the reader behind them."""
    for fault in CATALOGUE:
        yield from (line.partition("   (")[0] for line in fault.remedies)
    yield from (value for value in vars(commands).values() if isinstance(value, str))


def is_known(line: str) -> bool:
    """Whether the code sends or advises this very command, no option less and none more."""
    if line in known_lines():
        return True
    # In the sentences of a verdict these end a command.
    end = r"(?=$|[,.:;)]| &| \(| and | for | removes )"
    whole = re.search(rf"{re.escape(line)}{end}", advised_by_verdicts(), re.MULTILINE)
    return line.startswith(TOOLS) and whole is not None


@pytest.mark.parametrize("scenario", ScenarioId)
def test_every_failure_has_a_section_with_all_its_variants(scenario: ScenarioId) -> None:
    variants = [fault.variant for fault in CATALOGUE if fault.scenario is scenario]
    assert list(rows(SECTIONS[scenario])) == variants


def test_the_readme_names_every_failure() -> None:
    told = re.findall(r"^\| `([^`]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    listed = list(dict.fromkeys(str(fault.scenario) for fault in CATALOGUE))
    assert [scenario for scenario in told if scenario in listed] == listed


@pytest.mark.parametrize("fault", CATALOGUE, ids=str)
def test_the_verdict_documented_is_the_one_expected(fault: Fault) -> None:
    told = rows(SECTIONS[fault.scenario])[fault.variant]
    words = [str(expected.outcome) for expected in fault.expected]
    own = (Cause.NONE, Cause(fault.scenario))
    words += [str(e.cause) for e in fault.expected if e.cause not in own]
    assert re.findall(r"`([^`]+)`", told) == words
    assert told.startswith("control:") == (fault.blocked_at is BlockedAt.NONE)


@pytest.mark.parametrize("scenario", ScenarioId)
def test_every_failure_has_a_remedy_to_paste_and_its_doubts_marked(scenario: ScenarioId) -> None:
    section = SECTIONS[scenario]
    assert pasted(section)
    for mark in ("*Looks like:*", "*Distinguished", "*Confirmed:*", "*Unsettled:*"):
        assert section.count(mark) == 1, mark


@pytest.mark.parametrize("line", pasted(TEXT))
def test_every_command_is_one_of_the_code(line: str) -> None:
    assert is_known(line)


@pytest.mark.parametrize(
    "line",
    [
        # Options lost, made up or changed.
        "taskkill /im NAME",
        "taskkill /f",
        "sc.exe delete",
        "powercfg /change standby-timeout-ac 10",
        "powercfg /setacvalueindex SCHEME_CURRENT SUB_BUTTONS PBUTTONACTION",
        r'reg add "HKU\SID\Control Panel\Desktop" /v AutoEndTasks /t REG_SZ',
        "shutdown /r /t 0 /f",
        "hibernate off",
    ],
)
def test_a_command_that_differs_is_not(line: str) -> None:
    assert not is_known(line)


@pytest.mark.parametrize("scenario", ScenarioId)
def test_every_rule_it_names_exists(scenario: ScenarioId) -> None:
    told = re.search(r"^\* \*Rules?:\*(.*?)\.", SECTIONS[scenario], re.MULTILINE | re.DOTALL)
    assert told is not None
    named = re.findall(r'"([^"]+)"', " ".join(told[1].split()))
    assert named
    assert set(named) <= {rule.name for rule in RULES}


def test_facts_that_sections_call_unsettled_are_unsettled() -> None:
    bullets = re.findall(r"^\* \*Unsettled:\*(.*?)(?=^\* |^$)", TEXT, re.MULTILINE | re.DOTALL)
    named = [fact(id) for text in bullets for id in re.findall(r"fact:([a-z0-9-]+)", text)]
    assert len(named) > 20
    assert {each.id for each in named if each.status.settled} == set()
