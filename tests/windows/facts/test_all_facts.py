"""Every fact is complete: a claim in one sentence, a status, and sources or an experiment."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from powerdown.windows.facts import application_facts, logon_facts
from powerdown.windows.facts.all_facts import ALL_FACTS, SECTIONS, fact
from powerdown.windows.facts.fact import Fact, FactStatus
from tests.support.paths import REPOSITORY

MODULES = REPOSITORY / "harness" / "powerdown" / "windows" / "facts"

NOT_TO_BE_SETTLED: dict[str, str] = {}
"""Unconfirmed facts that no program could settle, and why."""

each_fact = pytest.mark.parametrize("each", ALL_FACTS, ids=lambda each: each.id)


@each_fact
def test_an_id_is_words_in_lower_case(each: Fact) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each.id)


def test_ids_are_unique() -> None:
    counted = Counter(each.id for each in ALL_FACTS)
    assert [id for id, count in counted.items() if count > 1] == []


def test_no_fact_is_left_out_and_constants_are_named_after_ids() -> None:
    defined = [
        found
        for path in MODULES.glob("*.py")
        for found in re.findall(r'^([A-Z0-9_]+) = Fact\(\n    "([^"]+)"', path.read_text(), re.M)
    ]
    assert {id: name for name, id in defined} == {
        each.id: each.id.upper().replace("-", "_") for each in ALL_FACTS
    }


@each_fact
def test_a_claim_is_one_sentence_that_says_what_would_be_true(each: Fact) -> None:
    assert each.claim.endswith(".")
    assert re.search(r"[.?!] +[A-Z`]", each.claim) is None
    assert "\n" not in each.claim
    # How well it is known is its status.
    assert re.search(r"(?i)unconfirmed|\bnot known\b|\bwhether\b.*\bunknown\b", each.claim) is None
    # It is shown alone, too.
    assert each.claim.split()[0] not in ("It", "Its", "They", "Their", "This", "That")


@each_fact
def test_what_is_not_unconfirmed_has_a_source(each: Fact) -> None:
    assert each.sources or each.status is FactStatus.UNCONFIRMED
    assert all(source.strip() for source in each.sources)


@each_fact
def test_an_unconfirmed_fact_says_how_to_settle_it(each: Fact) -> None:
    if each.status is FactStatus.UNCONFIRMED and each.id not in NOT_TO_BE_SETTLED:
        assert each.experiment is not None, "add an Experiment, or say above why there can be none"


@each_fact
def test_an_experiment_says_what_to_set_to_do_and_to_look_for(each: Fact) -> None:
    if each.experiment is not None:
        for text in (each.experiment.set_up, each.experiment.action, each.experiment.shows):
            assert text[0].isupper()
            assert text.endswith(".")


def test_the_list_of_facts_that_cannot_be_settled_is_not_stale() -> None:
    without = {each.id for each in ALL_FACTS if each.experiment is None}
    assert set(NOT_TO_BE_SETTLED) <= without


@each_fact
def test_builds_are_named_exactly_where_it_was_measured(each: Fact) -> None:
    assert bool(each.builds) is (each.status is FactStatus.MEASURED)


def test_sections_hold_all_facts_in_order() -> None:
    assert [each for section in SECTIONS for each in section.facts] == list(ALL_FACTS)
    assert all(section.facts for section in SECTIONS)


def test_a_fact_is_found_by_its_id() -> None:
    assert fact("no-logon-press") is logon_facts.NO_LOGON_PRESS
    assert fact("auto-end-tasks") is application_facts.AUTO_END_TASKS
    with pytest.raises(KeyError):
        fact("no-such-thing")
