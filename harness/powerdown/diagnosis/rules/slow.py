"""Why a shutdown that completed took longer than its soft budget.

Samples from inside bound how long each part of it lasted. The longest part is named where, without
these parts, the shutdown would have been in time; with more than low confidence only if that part
alone took most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import (
    initiation,
    observed,
    outside_activity,
    predicates,
    progress,
    remedies,
)
from powerdown.diagnosis.rules.rule import verdict
from powerdown.diagnosis.verdict import Confidence, Evidence, Verdict
from powerdown.guest.guest_sample import GuestSample
from powerdown.shutdown.observation import Observation
from powerdown.windows.event_records import EventRecord
from powerdown.windows.facts import (
    application_facts,
    channel_facts,
    order_facts,
    press_facts,
    update_facts,
)
from powerdown.windows.facts.fact import Fact
from powerdown.windows.settings.application_settings import HUNG_APP_MS
from powerdown.windows.settings.service_settings import SERVICES_DOCUMENTED_MS, WAIT_TO_KILL_SERVICE

_OVERRAN = 7043

COMPLETION_FACTS = (press_facts.SLEEP_TYPE_EVENTS, order_facts.RECORD_ORDER_CLIENT)
"""What every verdict on a completed shutdown rests on."""

_APPLICATION_FACTS = (
    order_facts.SHUTDOWN_ORDER,
    order_facts.RECORD_1074,
    application_facts.HUNG_APP_TIMEOUT,
)
_PRESHUTDOWN_FACTS = (
    order_facts.SHUTDOWN_ORDER,
    update_facts.PRESHUTDOWN_PHASE,
    update_facts.UPDATE_SERVICES,
)
_OVERRUN_FACTS = (*_PRESHUTDOWN_FACTS, order_facts.RECORD_SERVICE_CONTROL)
_SERVICE_FACTS = (application_facts.SERVICE_TIMEOUT, channel_facts.HTTP_SYS_CLOSES_LATE)

SLOW_FACTS = tuple(dict.fromkeys((*_APPLICATION_FACTS, *_OVERRUN_FACTS, *_SERVICE_FACTS)))
"""What the verdicts on a slow one rest on besides, each by the part that was the longest."""

_UPDATE_SERVICES = frozenset(
    {"Windows Update", "Update Orchestrator Service", "Windows Modules Installer"}
)
"""Display names of the services that do update work, as in 7043; in English
(fact:update-services has the second, learn: Security guidelines for system services in Windows
Server the others)."""

_DOMINANT = 0.5
"""A part that took at least this fraction of the shutdown is the longest."""

_NOTICEABLE = 0.25
"""If even the longest part took less than this fraction, what made it slow was not observed."""


@dataclass(frozen=True)
class _Part:
    """One part of the shutdown, and the verdict if that part made it slow.

    :param seconds: how long it lasted at least.
    :param facts: what that it made the shutdown slow rests on.
    """

    seconds: float
    cause: Cause
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    ruled_out: tuple[tuple[Cause, str], ...]
    remedy: str
    facts: tuple[Fact, ...]
    culprit: str = ""


def why_slow(obs: Observation, evidence: Sequence[Evidence], off_at: float) -> Verdict:
    """The verdict on a shutdown that completed too late.

    :param off_at: when the power went off.
    """
    soft, took = obs.budgets.shutdown_soft, off_at - obs.commanded_at
    budget = f"{took:.2f} s is more than the soft budget of {soft:.2f} s"
    base = [*evidence, observed.deduced("it was slow", budget)]
    parts = [
        part
        for part in (
            _applications(obs),
            _preshutdown(obs) or _overrun(obs),
            _services(obs, off_at),
        )
        if part is not None and part.seconds > 0
    ]
    parts.sort(key=lambda part: part.seconds, reverse=True)
    if (
        not parts
        or sum(part.seconds for part in parts) < took - soft
        or parts[0].seconds < took * _NOTICEABLE
    ):
        return verdict(
            Outcome.SLOW_BUT_COMPLETED,
            Cause.UNKNOWN,
            Confidence.LOW,
            base,
            remedy=remedies.LOOK_AT_EVIDENCE,
            rests_on=COMPLETION_FACTS,
        )
    longest = parts[0]
    others = [fact for part in parts[1:] for fact in part.evidence]
    dominant = longest.seconds >= max(took * _DOMINANT, took - soft)
    return verdict(
        Outcome.SLOW_BUT_COMPLETED,
        longest.cause,
        longest.confidence if dominant else Confidence.LOW,
        [*base, *longest.evidence, *others],
        ruled_out=longest.ruled_out,
        remedy=longest.remedy,
        culprit=longest.culprit,
        rests_on=(*COMPLETION_FACTS, *longest.facts),
    )


def _applications(obs: Observation) -> _Part | None:
    samples = progress.application_samples(obs)
    entry = initiation.initiated(obs)
    if not samples or entry is None or initiation.may_count_down(obs, entry):
        return None
    programs = progress.steady_programs(obs, samples)
    held = samples[-1].at - samples[0].at
    if not programs:
        confidence = Confidence.LOW
    elif held * 1000 >= HUNG_APP_MS and not progress.others_are_logged_on(obs):
        confidence = Confidence.HIGH
    else:
        # Many programs on a slow guest, perhaps.
        confidence = Confidence.MEDIUM
    return _Part(
        seconds=samples[-1].at - obs.commanded_at,
        cause=Cause.UNRESPONSIVE_APP,
        confidence=confidence,
        evidence=(
            observed.record(entry, "the shutdown was initiated"),
            observed.programs(samples[-1], programs),
            *(() if obs.baseline is None else observed.time_of_applications(obs.baseline)),
        ),
        ruled_out=(
            (Cause.UNRESPONSIVE_SERVICE, "no service had been asked to prepare by then"),
            (Cause.WINDOWS_UPDATE, "no service had been asked to prepare by then"),
        ),
        remedy=remedies.for_applications(obs.baseline),
        facts=_APPLICATION_FACTS,
        culprit=", ".join(programs),
    )


def _preshutdown(obs: Observation) -> _Part | None:
    samples = progress.preshutdown_samples(obs)
    if not samples:
        return None
    lasted = samples[-1].at - samples[0].at
    names = _longest_at_work(obs, samples)
    updates = [name for name in names if progress.is_update_service(name)]
    others = [name for name in names if name not in updates]
    over = progress.session_is_over(obs, samples[-1]) is True
    evidence = [
        observed.service(sample, service)
        for sample in samples[-1:]
        for service in progress.holders(obs, sample)
    ]
    evidence += [observed.record(entry, "Windows gave up waiting") for entry in _overran(obs)]
    if others:
        return _Part(
            seconds=lasted,
            cause=Cause.UNRESPONSIVE_SERVICE,
            confidence=Confidence.HIGH if over and not updates else Confidence.MEDIUM,
            evidence=tuple(evidence),
            ruled_out=((Cause.UNRESPONSIVE_APP, "services were already asked to prepare"),),
            remedy=remedies.STOP_SERVICE,
            facts=_PRESHUTDOWN_FACTS,
            culprit=", ".join(others),
        )
    evidence.append(observed.writes(obs, samples[0].at, samples[-1].at))
    markers = progress.pending_updates(obs)
    if markers:
        evidence.append(observed.setting("updates were pending before", ", ".join(markers)))
    return _Part(
        seconds=lasted,
        cause=Cause.WINDOWS_UPDATE,
        confidence=Confidence.HIGH if markers and over else Confidence.MEDIUM,
        evidence=tuple(evidence),
        ruled_out=(
            (Cause.UNRESPONSIVE_APP, "services were already asked to prepare"),
            (Cause.UNRESPONSIVE_SERVICE, f"only {', '.join(updates)} was at work so long"),
        ),
        remedy=remedies.FINISH_UPDATES,
        facts=_PRESHUTDOWN_FACTS,
        culprit=", ".join(updates),
    )


def _overrun(obs: Observation) -> _Part | None:
    """A service that Windows gave up waiting for, when nobody could look: the log names it."""
    entry, overran = initiation.initiated(obs), _overran(obs)
    if entry is None or not overran:
        return None
    last = overran[-1]
    name = last.data.get("param1", "")
    updating = name in _UPDATE_SERVICES
    # With updates pending, a name in another language may be one of theirs.
    doubtful = not updating and bool(progress.pending_updates(obs))
    return _Part(
        seconds=(last.created - entry.created).total_seconds(),
        cause=Cause.WINDOWS_UPDATE if updating else Cause.UNRESPONSIVE_SERVICE,
        confidence=Confidence.LOW if doubtful else Confidence.MEDIUM,
        evidence=tuple(
            observed.timed_record(obs, record, "Windows gave up waiting") for record in overran
        ),
        ruled_out=((Cause.UNRESPONSIVE_APP, "services were already asked to prepare"),),
        remedy=remedies.FINISH_UPDATES if updating else remedies.STOP_SERVICE,
        facts=_OVERRUN_FACTS,
        culprit=name,
    )


def _services(obs: Observation, off_at: float) -> _Part | None:
    closed = predicates.services_ended_at(obs)
    if closed is None or closed > off_at:
        return None
    baseline = obs.baseline
    limit = None if baseline is None else baseline.settings.number(WAIT_TO_KILL_SERVICE)
    evidence = [observed.control_closed(closed), observed.writes(obs, closed, off_at)]
    if baseline is not None:
        evidence += observed.settings(baseline, WAIT_TO_KILL_SERVICE)
    # Clearing the page file, for one, is no service's doing (fact:clear-page-file).
    likely = limit is not None and limit >= SERVICES_DOCUMENTED_MS
    likely = likely and not outside_activity.wrote(obs, closed, off_at)
    return _Part(
        seconds=off_at - closed,
        cause=Cause.UNRESPONSIVE_SERVICE,
        confidence=Confidence.MEDIUM if likely else Confidence.LOW,
        evidence=tuple(evidence),
        ruled_out=((Cause.UNRESPONSIVE_APP, "services had already been ended"),),
        remedy=WAIT_TO_KILL_SERVICE.remedy,
        facts=_SERVICE_FACTS,
    )


def _longest_at_work(obs: Observation, samples: Sequence[GuestSample]) -> list[str]:
    """Names of the services that were at work for most of the phase."""
    seconds: dict[str, float] = {}
    began: dict[str, float] = {}
    for sample in samples:
        for service in progress.holders(obs, sample):
            began.setdefault(service.name, sample.at)
            seconds[service.name] = sample.at - began[service.name]
    most = max(seconds.values())
    return sorted(name for name, lasted in seconds.items() if lasted >= most * _DOMINANT)


def _overran(obs: Observation) -> list[EventRecord]:
    """Services that Windows gave up waiting for in the preshutdown phase (SCM 7043)."""
    return [entry for entry in obs.records or () if entry.event_id == _OVERRAN]
