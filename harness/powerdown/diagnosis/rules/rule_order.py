"""The rules from observation to verdict, in the order in which they are asked.

The first verdict counts. What ended the guest comes first, then a press that was not delivered,
then applications that block a shutdown, then why none is under way, then services.
"""

from __future__ import annotations

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import observed, outside_activity, predicates, remedies
from powerdown.diagnosis.rules.blocked import APPLICATIONS, SERVICES
from powerdown.diagnosis.rules.press_not_delivered import PRESS_NOT_DELIVERED
from powerdown.diagnosis.rules.request_rejected import REFUSED, REQUEST_REJECTED
from powerdown.diagnosis.rules.rule import Rule, verdict
from powerdown.diagnosis.rules.terminated import TERMINATED
from powerdown.diagnosis.verdict import Confidence, Evidence, Verdict
from powerdown.shutdown.observation import Observation

RULES: tuple[Rule, ...] = (
    *TERMINATED,
    *PRESS_NOT_DELIVERED,
    REFUSED,
    *APPLICATIONS,
    *REQUEST_REJECTED,
    *SERVICES,
)


def _remedy(obs: Observation) -> str:
    """What to do to find out more."""
    unasked = obs.baseline is None and not obs.records
    if (
        unasked
        and predicates.took_it_without_reaction(obs)
        and outside_activity.screen_changed(obs) is not True
    ):
        return remedies.ASK_INSIDE
    return remedies.LOOK_AT_EVIDENCE


def inconclusive(obs: Observation) -> Verdict:
    """No rule explains the observation: the verdict lists the evidence and names no cause."""
    evidence: list[Evidence] = [observed.host_event(e, "QEMU event") for e in obs.events]
    if obs.pm1_before is not None:
        evidence.append(observed.registers(obs.pm1_before, "before the press"))
    if obs.press_taken_at is not None:
        evidence.append(observed.taken(obs))
    elif obs.pm1_after:
        evidence.append(observed.registers(obs.pm1_after[-1], "last reading after the press"))
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
