"""The rules from observation to verdict, in the order in which they are asked.

The first verdict stands. What ended the guest comes first, then a press that was not taken. Then
what says most: applications that a shutdown waits for, then why none is under way, then services.
"""

from __future__ import annotations

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import observed, outside_activity, predicates, remedies
from powerdown.diagnosis.rules.blocked import APPLICATIONS, SERVICES
from powerdown.diagnosis.rules.press_not_delivered import NOT_TAKEN
from powerdown.diagnosis.rules.request_rejected import NOT_WANTED, REFUSED
from powerdown.diagnosis.rules.rule import Rule, verdict
from powerdown.diagnosis.rules.terminated import ENDED
from powerdown.diagnosis.verdict import Confidence, Evidence, Verdict
from powerdown.shutdown.observation import Observation

RULES: tuple[Rule, ...] = (
    *ENDED,
    *NOT_TAKEN,
    REFUSED,
    *APPLICATIONS,
    *NOT_WANTED,
    *SERVICES,
)


def _remedy(obs: Observation) -> str:
    """What helps to know more."""
    unasked = obs.baseline is None and not obs.records
    if (
        unasked
        and predicates.took_it_and_did_nothing(obs)
        and outside_activity.screen_changed(obs) is not True
    ):
        return remedies.ASK_INSIDE
    return remedies.LOOK_AT_EVIDENCE


def inconclusive(obs: Observation) -> Verdict:
    """No rule explains it: say what was seen and nothing more."""
    evidence: list[Evidence] = [observed.host_event(e, "seen") for e in obs.events]
    if obs.pm1_before is not None:
        evidence.append(observed.registers(obs.pm1_before, "before the press"))
    if obs.press_taken_at is not None:
        evidence.append(observed.taken(obs))
    elif obs.pm1_after:
        evidence.append(observed.registers(obs.pm1_after[-1], "last look after the press"))
    if obs.run_state is not None:
        evidence.append(observed.run_state(obs))
    if obs.button is not None:
        evidence += [observed.button(obs), observed.session(obs)]
    if obs.answer is not None:
        evidence.append(observed.answer(obs, obs.answer))
    if obs.activity:
        evidence.append(observed.cpu(obs))
    evidence += [
        observed.record(entry, "recorded since the command") for entry in obs.records or ()
    ]
    if obs.screen_text:
        evidence.append(observed.screen_text(obs, "text on the screen", obs.screen_text))
    evidence += [observed.note(text) for text in obs.notes]
    return verdict(
        Outcome.INCONCLUSIVE,
        Cause.UNKNOWN,
        Confidence.LOW,
        evidence,
        remedy=_remedy(obs),
    )
