"""``docs/windows-facts.md`` is what the facts say, and every fact that is cited is one."""

from __future__ import annotations

import re
import subprocess

from powerdown.cli.facts_page import facts_page
from powerdown.windows.facts.all_facts import ALL_FACTS
from tests.support.paths import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "windows-facts.md"
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
    here = "tests/docs/test_windows_facts.py"
    return [
        path for path in listed.stdout.splitlines() if path != here and (REPOSITORY / path).exists()
    ]


def test_the_page_is_what_the_facts_say() -> None:
    assert DOCUMENT.read_text() == facts_page(), (
        "make it again: powerdown facts --markdown > docs/windows-facts.md"
    )


def test_every_citation_resolves() -> None:
    found = cited()
    for part in ("harness/", "docs/", "fixtures/images/standin/"):
        assert any(path.startswith(part) for files in found.values() for path in files), part
    known = {fact.id for fact in ALL_FACTS}
    assert len(found) > 100
    assert {fact: files for fact, files in found.items() if fact not in known} == {}


def test_nothing_is_cited_by_section() -> None:
    old = {path for path in tracked() if OLD_CITATION.search((REPOSITORY / path).read_text())}
    assert old == set()
