"""The rules from observation to verdict, in the order in which they are asked.

The first verdict stands. What ended the guest comes first, then a press that was not taken. Then
what says most: applications that a shutdown waits for, then why none is under way, then services.
"""

from __future__ import annotations

from harness.diagnosis import facts, load, reading, remedies
from harness.diagnosis.ended import ENDED
from harness.diagnosis.not_taken import NOT_TAKEN
from harness.diagnosis.not_wanted import NOT_WANTED, REFUSED
from harness.diagnosis.rule import Rule, verdict
from harness.diagnosis.verdict import Confidence, Evidence, Verdict
from harness.diagnosis.waiting import APPLICATIONS, SERVICES
from harness.outcome import Cause, Outcome
from harness.shutdown.observation import Observation

RULES: tuple[Rule, ...] = (
    *ENDED,
    *NOT_TAKEN,
    REFUSED,
    *APPLICATIONS,
    *NOT_WANTED,
    *SERVICES,
)


def _remedy(seen: Observation) -> str:
    """What helps to know more."""
    unasked = seen.survey is None and not seen.records
    if unasked and reading.took_it_and_did_nothing(seen) and load.screen_changed(seen) is not True:
        return remedies.ASK_INSIDE
    return remedies.LOOK_AT_EVIDENCE


def inconclusive(seen: Observation) -> Verdict:
    """No rule explains it: say what was seen and nothing more."""
    evidence: list[Evidence] = [facts.host_event(e, "seen") for e in seen.events]
    if seen.pm1_before is not None:
        evidence.append(facts.registers(seen.pm1_before, "before the press"))
    if seen.press_taken_at is not None:
        evidence.append(facts.taken(seen))
    elif seen.pm1_after:
        evidence.append(facts.registers(seen.pm1_after[-1], "last look after the press"))
    if seen.run_state is not None:
        evidence.append(facts.run_state(seen))
    if seen.button is not None:
        evidence += [facts.button(seen), facts.session(seen)]
    if seen.answer is not None:
        evidence.append(facts.answer(seen, seen.answer))
    if seen.activity:
        evidence.append(facts.cpu(seen))
    evidence += [facts.record(entry, "recorded since the command") for entry in seen.records or ()]
    if seen.screen_text:
        evidence.append(facts.screen_text(seen, "text on the screen", seen.screen_text))
    evidence += [facts.note(text) for text in seen.notes]
    return verdict(
        Outcome.INCONCLUSIVE,
        Cause.UNKNOWN,
        Confidence.LOW,
        evidence,
        remedy=_remedy(seen),
    )
