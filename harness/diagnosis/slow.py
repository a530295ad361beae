"""Why a shutdown that completed took longer than its soft budget."""

from __future__ import annotations

from collections.abc import Sequence

from harness.diagnosis import facts, reading, remedies
from harness.diagnosis.rule import verdict
from harness.diagnosis.verdict import Confidence, Evidence, Verdict
from harness.outcome import Cause, Outcome
from harness.shutdown.observation import Observation

_SERVICES_DOCUMENTED_MS = 20_000
"""What the documentation says services get in the shutdown phase, roughly (w32: Services)."""

_SHARE = 0.5
"""A part of the shutdown that took at least so much of it is what made it slow."""


def why_slow(seen: Observation, evidence: Sequence[Evidence], took: float) -> Verdict:
    """The verdict on a shutdown that completed after ``took`` seconds, too late.

    Each look inside shows which part of the shutdown was under way; the part that took most of
    the time is to blame.
    """
    soft = seen.budgets.shutdown_soft
    base = [*evidence, facts.note(f"{took:.2f} s is more than the soft budget of {soft:.2f} s")]
    return (
        _preshutdown(seen, base, took)
        or _applications(seen, base, took)
        or _services(seen, base, took)
        or verdict(
            Outcome.SLOW_BUT_COMPLETED,
            Cause.UNKNOWN,
            Confidence.HIGH,
            base,
            remedy=remedies.LOOK_AT_EVIDENCE,
        )
    )


def _preshutdown(seen: Observation, base: list[Evidence], took: float) -> Verdict | None:
    looks = reading.preshutdown_looks(seen)
    if not looks or looks[-1].at - seen.commanded_at < took * _SHARE:
        return None
    last = looks[-1]
    holders = reading.preshutdown_holders(seen, last)
    names = ", ".join(service.name for service in holders)
    evidence = base + [facts.service(last, service) for service in holders]
    evidence += [facts.record(entry, "Windows gave up waiting") for entry in reading.overran(seen)]
    if any(not reading.is_update_service(service.name) for service in holders):
        return verdict(
            Outcome.SLOW_BUT_COMPLETED,
            Cause.UNRESPONSIVE_SERVICE,
            Confidence.HIGH,
            evidence,
            ruled_out=((Cause.UNRESPONSIVE_APP, "services were already asked to prepare"),),
            remedy=remedies.STOP_SERVICE,
            culprit=names,
        )
    evidence.append(facts.writes(seen, seen.commanded_at, last.at))
    markers = () if seen.survey is None else seen.survey.update_markers
    if markers:
        evidence.append(facts.setting("updates were pending before", ", ".join(markers)))
    return verdict(
        Outcome.SLOW_BUT_COMPLETED,
        Cause.WINDOWS_UPDATE,
        Confidence.HIGH if markers else Confidence.MEDIUM,
        evidence,
        ruled_out=(
            (Cause.UNRESPONSIVE_APP, "services were already asked to prepare"),
            (Cause.UNRESPONSIVE_SERVICE, f"only {names} was still at work"),
        ),
        remedy=remedies.FINISH_UPDATES,
        culprit=names,
    )


def _applications(seen: Observation, base: list[Evidence], took: float) -> Verdict | None:
    looks = reading.application_looks(seen)
    if not looks or looks[-1].at - seen.commanded_at < took * _SHARE:
        return None
    last = looks[-1]
    programs = reading.programs_left(seen, last)
    initiated = [e for e in last.records if e.event_id == 1074]
    evidence = [*base, facts.programs(last, programs)]
    evidence += [facts.record(entry, "the shutdown was initiated") for entry in initiated[-1:]]
    return verdict(
        Outcome.SLOW_BUT_COMPLETED,
        Cause.UNRESPONSIVE_APP,
        Confidence.HIGH if programs else Confidence.MEDIUM,
        evidence,
        ruled_out=(
            (Cause.UNRESPONSIVE_SERVICE, "no service had been asked to prepare by then"),
            (Cause.WINDOWS_UPDATE, "no service had been asked to prepare by then"),
        ),
        remedy=remedies.END_APPLICATION,
        culprit=", ".join(sorted(set(programs))),
    )


def _services(seen: Observation, base: list[Evidence], took: float) -> Verdict | None:
    closed = seen.control_lost_at
    if closed is None or took - (closed - seen.commanded_at) < took * _SHARE:
        return None
    survey = seen.survey
    limit = None if survey is None else survey.wait_to_kill_service_ms
    evidence = [*base, facts.control_closed(closed)]
    if limit is not None:
        evidence.append(facts.setting("WaitToKillServiceTimeout, milliseconds", f"{limit}"))
    likely = limit is not None and limit >= _SERVICES_DOCUMENTED_MS
    return verdict(
        Outcome.SLOW_BUT_COMPLETED,
        Cause.UNRESPONSIVE_SERVICE,
        Confidence.MEDIUM if likely else Confidence.LOW,
        evidence,
        ruled_out=((Cause.UNRESPONSIVE_APP, "services had already been ended"),),
        remedy=remedies.LIMIT_SERVICES,
    )
