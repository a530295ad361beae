"""Diagnosis: what happened to a guest and why, from the observation and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import observed, remedies
from powerdown.diagnosis.also_seen import also_seen
from powerdown.diagnosis.confidence import limited_by_facts
from powerdown.diagnosis.rules.monitor_gap import less_sure
from powerdown.diagnosis.rules.rule import Rule
from powerdown.diagnosis.rules.rule_order import RULES, inconclusive
from powerdown.diagnosis.verdict import Confidence, Verdict
from powerdown.shutdown.observation import Observation
from powerdown.windows.event_records import EventRecord
from powerdown.windows.facts import forced_stop_facts, order_facts
from powerdown.windows.query_commands import START_PROVIDERS

_KERNEL_POWER = "Microsoft-Windows-Kernel-Power"
_KERNEL_GENERAL = "Microsoft-Windows-Kernel-General"
_EVENT_LOG = "EventLog"
_BUGCHECKS = ("BugCheck", "Microsoft-Windows-WER-SystemErrorReporting")
"""Event source and provider of record 1001, written at the start after a bugcheck."""


def diagnose(obs: Observation) -> Verdict:
    """The verdict on one attempt to end a guest."""
    verdict = next((v for _, v in _applying(obs)), None) or inconclusive(obs)
    return replace(limited_by_facts(verdict), also_seen=also_seen(obs, verdict.cause))


def is_conclusive(obs: Observation) -> bool:
    """Whether the observation leaves no doubt about the verdict, and waiting cannot change it.

    More waiting settles no fact about Windows: the limits that those set do not count here.
    """
    rule, verdict = next(_applying(obs), (None, None))
    return (
        rule is not None
        and verdict is not None
        and rule.is_final
        and verdict.confidence is Confidence.HIGH
    )


def _applying(obs: Observation) -> Iterator[tuple[Rule, Verdict]]:
    for rule in RULES:
        verdict = rule.apply(obs)
        if verdict is not None:
            yield rule, less_sure(verdict, obs)


def diagnose_previous_stop(records: Sequence[EventRecord]) -> Verdict:
    """How the session before this one ended, from the System log alone.

    An orderly stop leaves EventLog 6006 and Kernel-General 13; the start after a power cut
    leaves Kernel-Power 41 with BugcheckCode 0 and EventLog 6008 (fact:record-41-kill). Either
    orderly record will do: domain controllers lack 13 at times, and 13 is recorded behind 6005 of
    the next start. A held power button (41 with a PowerButtonTimestamp) is a power cut as well.

    A crash that left neither a code in 41 nor a 1001 looks like a power cut (learn: Event ID 41);
    so may one whose 1001 is not written yet when the log is read (fact:bugcheck-record-late).

    :param records: System records of
        :data:`START_PROVIDERS` since before that stop, in any order;
        those of other providers are passed over.
    """
    records = [record for record in records if record.provider in START_PROVIDERS]
    unexpected = _find(records, _KERNEL_POWER, 41)
    unclean = _find(records, _EVENT_LOG, 6008)
    orderly = _find(records, _EVENT_LOG, 6006) or _find(records, _KERNEL_GENERAL, 13)
    cut = unexpected or unclean
    crashed = any(_find(records, source, 1001) for source in _BUGCHECKS)
    if cut is not None and orderly is None and not crashed and _bugcheck_code(unexpected) == 0:
        found = [entry for entry in (unexpected, unclean) if entry is not None]
        evidence = tuple(observed.record(e, "recorded at the next start") for e in found)
        # Never high: a crash that could not write its code leaves the same (learn: Event ID 41).
        confidence = Confidence.MEDIUM if len(found) == 2 else Confidence.LOW
        cause = Cause.FORCED_SHUTDOWN
        return Verdict(
            Outcome.FORCED_OFF,
            cause,
            confidence,
            evidence,
            (),
            remedies.SHUT_DOWN_SOFTLY,
            rests_on=(forced_stop_facts.RECORD_41_KILL, forced_stop_facts.CRASH_LIKE_POWER_LOSS),
        )
    if orderly is not None and cut is None and not crashed:
        evidence = (observed.record(orderly, "recorded by the stopping guest"),)
        rests_on = (order_facts.RECORD_ORDER_CLIENT, order_facts.RECORD_ORDER_DC)
        return Verdict(Outcome.COMPLETED, Cause.NONE, Confidence.HIGH, evidence, rests_on=rests_on)
    evidence = tuple(observed.record(entry, "recorded") for entry in records)
    return Verdict(Outcome.INCONCLUSIVE, Cause.UNKNOWN, Confidence.LOW, evidence)


def _find(records: Sequence[EventRecord], provider: str, event_id: int) -> EventRecord | None:
    matches = (r for r in records if r.event_id == event_id and r.provider == provider)
    return next(matches, None)


def _bugcheck_code(unexpected: EventRecord | None) -> int | None:
    """BugcheckCode of a Kernel-Power 41; 0 without such a record, ``None`` if it has no number."""
    if unexpected is None:
        return 0
    try:
        return int(unexpected.data["BugcheckCode"], 0)
    except (KeyError, ValueError):
        return None
