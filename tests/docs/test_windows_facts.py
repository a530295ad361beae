"""Every fact that is cited is one, and every fact has a status and sources."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

import pytest

from tests.support.paths import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "windows-facts.md"
STATUSES = {"documented", "seen", "reported", "UNCONFIRMED"}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOCUMENT.read_text().splitlines()
    if line.startswith("| `")
]
IDS = [row[0].strip("`") for row in ROWS]
CITATION = re.compile(r"fact:([a-z0-9-]+)")
OLD_CITATION = re.compile(r"\bfacts? \d|\bfact sheet\b")


def cited() -> dict[str, set[str]]:
    """Ids of facts that are cited, and the files that do."""
    found: dict[str, set[str]] = {}
    for path in tracked():
        for fact in CITATION.findall((REPOSITORY / path).read_text()):
            found.setdefault(fact, set()).add(path)
    return found


def tracked() -> list[str]:
    patterns = ["*.py", "*.c", "*.h", "*.md", "*.toml", "*.json"]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    here = str(DOCUMENT.relative_to(REPOSITORY)), "tests/docs/test_windows_facts.py"
    return [
        path
        for path in listed.stdout.splitlines()
        if path not in here and (REPOSITORY / path).exists()
    ]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_fact_has_a_claim_a_status_and_sources(row: list[str]) -> None:
    fact, claim, status, sources = row
    assert re.fullmatch(r"`[a-z0-9]+(-[a-z0-9]+)*`", fact)
    assert claim.endswith(".")
    assert status in STATUSES
    assert sources
    # What nothing was found for cannot be documented.
    assert status == "UNCONFIRMED" or not sources.startswith("none found")


def test_ids_are_unique() -> None:
    assert [fact for fact, count in Counter(IDS).items() if count > 1] == []


def test_every_citation_resolves() -> None:
    found = cited()
    assert len(found) > 60
    assert {fact: files for fact, files in found.items() if fact not in IDS} == {}


def test_nothing_is_cited_by_section() -> None:
    old = {path for path in tracked() if OLD_CITATION.search((REPOSITORY / path).read_text())}
    assert old == set()
