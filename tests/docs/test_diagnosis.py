"""``docs/diagnosis.md`` lists the rules as they are asked."""

from __future__ import annotations

import re

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.rules.rule_order import RULES
from powerdown.diagnosis.verdict import Confidence
from tests.support.paths import REPOSITORY

TEXT = (REPOSITORY / "docs" / "diagnosis.md").read_text()
ROWS = re.findall(r"^\| \*\*(.+?)\*\* \|[^|]*\|([^|]*)\| (yes|no) \|$", TEXT, re.MULTILINE)
"""Name, verdict and whether it lasts, of each rule in the table."""


def test_every_rule_is_told_in_its_place_and_whether_it_lasts() -> None:
    told = [(name, is_final == "yes") for name, _, is_final in ROWS]
    assert told == [(rule.name, rule.is_final) for rule in RULES]


def test_verdicts_are_told_in_the_words_of_reports() -> None:
    known = {str(word) for word in (*Outcome, *Cause)}
    for name, verdict, _ in ROWS:
        words = set(re.findall(r"`([^`]+)`", verdict))
        assert words, name
        assert words <= known, name
        assert re.search(rf"\(({'|'.join(Confidence)})\)", verdict), name
