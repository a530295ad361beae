"""How the status of facts limits the confidence of a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.confidence import limited_by_facts
from powerdown.diagnosis.diagnose import diagnose
from powerdown.diagnosis.rules.rule import Rule, verdict
from powerdown.diagnosis.rules.rule_order import RULES
from powerdown.diagnosis.verdict import Confidence, Verdict
from powerdown.report.verdict_text import verdict_text
from powerdown.shutdown.observation import Observation
from powerdown.windows.facts import logon_facts
from powerdown.windows.facts.fact import Fact, FactStatus
from tests.support.observations import nobody, obs, powered_off, sample, screens

SETTLED = (FactStatus.DOCUMENTED, FactStatus.SEEN, FactStatus.MEASURED)


def resting_on(*statuses: FactStatus, confidence: Confidence = Confidence.HIGH) -> Verdict:
    facts = tuple(Fact(f"fact-{i}", "So it is.", status, ()) for i, status in enumerate(statuses))
    return Verdict(Outcome.STAYED_UP, Cause.ASLEEP, confidence, (), rests_on=facts)


def at_logon_screen() -> Observation:
    """Nobody is logged on, the policy forbids a shutdown then, and nothing follows the press."""
    quiet = sample(110.0, processes=nobody().processes)
    lit = screens((99.0, "logon", False), (110.0, "logon", False))
    forbidden = nobody(shutdown_without_logon=False)
    return obs(baseline=forbidden, samples=(quiet,), screens=lit, ended_at=111.0)


@pytest.mark.parametrize("status", FactStatus)
def test_only_settled_facts_leave_high_confidence(status: FactStatus) -> None:
    limited = limited_by_facts(resting_on(FactStatus.DOCUMENTED, status))
    assert (limited.confidence is Confidence.HIGH) == (status in SETTLED)
    assert limited.confidence is not Confidence.LOW
    assert [fact.status for fact in limited.unsettled] == ([] if status in SETTLED else [status])


@pytest.mark.parametrize("confidence", [Confidence.MEDIUM, Confidence.LOW])
def test_a_fact_never_raises_it(confidence: Confidence) -> None:
    for status in FactStatus:
        found = resting_on(status, confidence=confidence)
        assert limited_by_facts(found).confidence is confidence


def test_measuring_the_fact_lifts_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    forbidden = at_logon_screen()
    assert diagnose(forbidden).cause is Cause.NO_LOGON_SHUTDOWN
    assert diagnose(forbidden).confidence is Confidence.MEDIUM
    measured = replace(logon_facts.NO_LOGON_PRESS, status=FactStatus.MEASURED, builds=(20348,))
    [rule] = [rule for rule in RULES if logon_facts.NO_LOGON_PRESS in rule.facts]
    facts = tuple(measured if fact.id == measured.id else fact for fact in rule.facts)
    rules = tuple(replace(r, facts=facts) if r is rule else r for r in RULES)
    monkeypatch.setattr("powerdown.diagnosis.diagnose.RULES", rules)
    assert diagnose(forbidden).confidence is Confidence.HIGH
    assert diagnose(forbidden).unsettled == ()


def test_a_verdict_that_names_no_facts_rests_on_all_of_its_rule() -> None:
    def decide(observation: Observation) -> Verdict:
        return verdict(Outcome.STAYED_UP, Cause.ASLEEP, Confidence.HIGH, ())

    def decide_on_one(observation: Observation) -> Verdict:
        return replace(decide(observation), rests_on=(logon_facts.DISPLAY_WAKE,))

    facts = (logon_facts.DISPLAY_WAKE, logon_facts.NO_LOGON_POLICY)
    both = Rule("both", decide, facts=facts).apply(powered_off(105.0))
    one = Rule("one", decide_on_one, facts=facts).apply(powered_off(105.0))
    assert both is not None and both.rests_on == facts
    assert one is not None and one.rests_on == facts[:1]


def test_the_text_names_what_is_not_settled_and_nothing_else() -> None:
    text = verdict_text(diagnose(at_logon_screen()))
    told = [line for line in text.splitlines() if "rests on" in line]
    [line] = told
    assert line.startswith("  rests on fact:no-logon-press, unconfirmed: ")
