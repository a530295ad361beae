from __future__ import annotations

from powerdown.cli.fact_use import FactUse, names_by_fact, users_of_facts
from powerdown.diagnosis.rules.rule_order import RULES
from powerdown.faults.catalogue import CATALOGUE
from powerdown.windows.facts import logon_facts, press_facts
from powerdown.windows.facts.all_facts import ALL_FACTS
from powerdown.windows.facts.fact import Fact


def test_every_fact_is_there() -> None:
    assert list(users_of_facts()) == [fact.id for fact in ALL_FACTS]


def test_a_fact_names_the_faults_that_cite_it() -> None:
    users = users_of_facts()
    for fault in CATALOGUE:
        for source in fault.sources:
            if source.startswith("fact:"):
                assert str(fault) in users[source.removeprefix("fact:")].faults


def test_a_fact_names_the_rules_that_rest_on_it() -> None:
    users = users_of_facts()
    for rule in RULES:
        assert all(rule.name in users[fact.id].rules for fact in rule.facts)
    assert users["no-logon-press"].rules == ("no logon",)
    assert users["press-needs-arming"].rules == ("press lost",)


def test_a_fact_names_the_settings_whose_meaning_default_or_harm_rests_on_it() -> None:
    users = users_of_facts()
    assert "shutdown-without-logon" in users["no-logon-policy"].settings
    assert "shutdown-without-logon" in users["no-logon-default"].settings
    assert "power-left-on" in users["power-left-on-press"].settings


def test_whatever_has_a_name_and_facts_can_be_a_user() -> None:
    one, other = logon_facts.NO_LOGON_PRESS, press_facts.PRESS_NEEDS_ARMING
    users: list[tuple[str, tuple[Fact, ...]]] = [
        ("first", (one, other)),
        ("second", (one,)),
        ("third", ()),
    ]
    assert names_by_fact(users) == {one.id: ["first", "second"], other.id: ["first"]}


def test_many_variants_of_a_scenario_are_shown_as_the_scenario() -> None:
    use = FactUse(faults=("asleep/a", "asleep/b", "asleep/c", "no-logon-shutdown/policy"))
    assert use.few_faults == ("asleep", "no-logon-shutdown/policy")
    assert FactUse(faults=("asleep/a", "asleep/b")).few_faults == ("asleep/a", "asleep/b")
