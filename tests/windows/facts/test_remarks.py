"""What is not certain about Windows is a fact; code cites it instead of saying so itself."""

from __future__ import annotations

import re

from tests.support.paths import REPOSITORY

HARNESS = REPOSITORY / "harness"
FACTS = HARNESS / "powerdown" / "windows" / "facts"
SOURCES = ("*.py", "*.c", "*.h", "*.json", "*.toml", "*.md")

MARK = re.compile(r"(?<![\w.])UNCONFIRMED\b")
"""The word, but not a member of an enumeration."""

SHOWN_TO_USERS = {
    "cli/scenarios_command.py": ['return f"UNCONFIRMED: {fault.offline.unconfirmed}"'],
    "diagnosis/cost_of_cut.py": ["the mark is often clear after a cut (UNCONFIRMED)"],
    "disk/history/session_end.py": ["perhaps the power button (UNCONFIRMED:"],
    "report/inspect_text.py": ['doubt = "" if setting.confirmed or missing else "UNCONFIRMED"'],
    "report/inspected_scenarios.py": ["by the power button is UNCONFIRMED."],
    "windows/settings/logon_settings.py": ["who are logged on waits; unit UNCONFIRMED"],
    "windows/settings/tracker_settings.py": ["2 and 3: only clients or servers (UNCONFIRMED)"],
}
"""By file, what commands print: there the word tells the reader of a report not to rely on it."""

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
    return SHOWN_TO_USERS.get(path, []) + MEMBERS.get(path, [])


def test_remarks_cite_a_fact_instead() -> None:
    remarks = [
        (path, line) for path, line in marked() if not any(text in line for text in allowed(path))
    ]
    assert remarks == [], "add a fact with an experiment, and cite it"


def test_what_is_allowed_is_still_there() -> None:
    there = marked()
    stale = [
        (path, text)
        for path in {*SHOWN_TO_USERS, *MEMBERS}
        for text in allowed(path)
        if not any(path == where and text in line for where, line in there)
    ]
    assert stale == [], "take it off the list"
