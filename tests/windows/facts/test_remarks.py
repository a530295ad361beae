"""What is not certain about Windows is a fact; code cites it instead of saying so itself."""

from __future__ import annotations

import re

from tests.support.paths import REPOSITORY

HARNESS = REPOSITORY / "harness"
FACTS = HARNESS / "powerdown" / "windows" / "facts"
SOURCES = ("*.py", "*.c", "*.h", "*.json", "*.toml", "*.md")

MARK = re.compile(r"(?<![\w.])UNCONFIRMED\b")
"""The word, but not a member of an enumeration."""

MEMBERS = {"diagnosis/cost_of_cut.py": ['UNCONFIRMED = "unconfirmed"']}
"""Definitions of members of enumerations."""


def marked() -> list[tuple[str, str]]:
    """File and line of every mark."""
    return [
        (str(path.relative_to(HARNESS / "powerdown")), line.strip())
        for pattern in SOURCES
        for path in sorted(HARNESS.rglob(pattern))
        if FACTS not in path.parents
        for line in path.read_text().splitlines()
        if MARK.search(line)
    ]


def allowed(path: str) -> list[str]:
    return MEMBERS.get(path, [])


def test_remarks_cite_a_fact_instead() -> None:
    remarks = [
        (path, line) for path, line in marked() if not any(text in line for text in allowed(path))
    ]
    assert remarks == [], "add a fact with an experiment, and cite it"


def test_what_is_allowed_is_still_there() -> None:
    there = marked()
    stale = [
        (path, text)
        for path in MEMBERS
        for text in allowed(path)
        if not any(path == where and text in line for where, line in there)
    ]
    assert stale == [], "take it off the list"
