"""The rule for a guest that restarted instead of powering off, and who asked for that."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import initiation, observed, predicates, progress, remedies
from powerdown.diagnosis.rules.rule import verdict
from powerdown.diagnosis.verdict import Confidence, Evidence, Verdict
from powerdown.shutdown.observation import Command, Observation
from powerdown.windows.facts import damage_facts, order_facts, press_facts, update_facts
from powerdown.windows.facts.fact import Fact

RESTART_FACTS = (
    order_facts.RECORD_1074,
    order_facts.SERVICING_REASON_CODES,
    damage_facts.CORE_PROCESS_END,
    update_facts.UPDATE_MARKERS,
    update_facts.UPDATE_SERVICES,
    press_facts.RESTART_AS_SHUTDOWN,
)
"""What the verdicts of this rule rest on."""

_RESTARTS = frozenset({"r", "g"})
"""Options of shutdown.exe that restart (learn: shutdown)."""


@dataclass(frozen=True)
class _Found:
    """Who asked for the restart."""

    cause: Cause
    confidence: Confidence
    remedy: str
    why: tuple[Evidence, ...]
    facts: tuple[Fact, ...]


def restarted(obs: Observation) -> Verdict | None:
    """The guest restarted instead of powering off; who asked decides the cause.

    A crash with automatic restart and a triple fault reset the machine too, also in the middle of
    a shutdown. What tells them apart is a restart that was recorded or commanded.
    """
    reset = obs.restart
    if reset is None:
        return None
    ends_qemu = reset.name == "SHUTDOWN"
    told = "; QEMU was told to end then (-no-reboot)" if ends_qemu else ""
    evidence = [observed.host_event(reset, f"the guest reset itself{told}")]
    closed = predicates.services_ended_at(obs)
    orderly = closed is not None and closed <= reset.at
    if closed is not None and orderly:
        evidence.append(observed.control_closed(closed))
    found = (
        _by_critical_process(obs)
        or _by_servicing(obs)
        or _by_request(obs)
        or _by_pending_updates(obs)
    )
    if found is None:
        evidence += [observed.record(r, "recorded since the command") for r in obs.records or ()]
        evidence.append(observed.note("who asked for the restart: the guest may have crashed"))
        facts = (order_facts.RECORD_1074,)
        found = _Found(Cause.UNKNOWN, Confidence.LOW, remedies.FIND_RESTART, (), facts)
    confidence = found.confidence
    if confidence is Confidence.HIGH and not orderly:
        confidence = Confidence.MEDIUM
    return verdict(
        Outcome.RESTARTED_INSTEAD,
        found.cause,
        confidence,
        (*evidence, *found.why),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "the guest did not go on as before"),),
        remedy=found.remedy,
        rests_on=(*found.facts, *([press_facts.RESTART_AS_SHUTDOWN] if ends_qemu else [])),
    )


def _by_critical_process(obs: Observation) -> _Found | None:
    """A core process ended; Windows then restarts, whatever else was asked for."""
    recorded = initiation.by_reason(obs, initiation.CRITICAL_PROCESS_REASON)
    if recorded is not None:
        why = observed.record(recorded, "Windows announced a restart because of it")
    elif progress.lacks_core_process(obs):
        why = observed.core_process_missing(obs)
    else:
        return None
    facts = (damage_facts.CORE_PROCESS_END,)
    return _Found(Cause.DAMAGED_SYSTEM, Confidence.HIGH, remedies.REPAIR_SYSTEM, (why,), facts)


def _by_servicing(obs: Observation) -> _Found | None:
    """Servicing asked for it; high confidence where it turned the requested shutdown into one."""
    recorded = initiation.by_reason(obs, *initiation.SERVICING_REASONS)
    if recorded is None or _asked_for_restart(obs):
        return None
    before = [r for r in obs.records or () if r.record_id < recorded.record_id]
    turned = any(r.event_id == recorded.event_id and initiation.is_answer(obs, r) for r in before)
    why = (observed.record(recorded, "who initiated it"), *_servicing_seen(obs))
    confidence = Confidence.HIGH if turned else Confidence.MEDIUM
    facts = (order_facts.RECORD_1074, order_facts.SERVICING_REASON_CODES)
    return _Found(Cause.WINDOWS_UPDATE, confidence, remedies.FINISH_UPDATES, why, facts)


def _by_request(obs: Observation) -> _Found | None:
    """A restart was commanded inside, or a record says that one was initiated."""
    answer = obs.answer
    if answer is not None and answer.exit_code == 0 and _asked_for_restart(obs):
        why = observed.answer(obs, answer)
        return _requested(Confidence.HIGH, why)
    recorded = initiation.restart(obs)
    if recorded is None:
        return None
    confidence = Confidence.HIGH if initiation.says_restart(recorded) else Confidence.LOW
    why = observed.record(recorded, "who initiated it")
    return _requested(confidence, why)


def _requested(confidence: Confidence, why: Evidence) -> _Found:
    facts = (order_facts.RECORD_1074,)
    return _Found(Cause.RESTART_REQUESTED, confidence, remedies.FIND_RESTART, (why,), facts)


def _by_pending_updates(obs: Observation) -> _Found | None:
    """Update work was pending; medium confidence only where it was observed during the shutdown."""
    pending = progress.pending_updates(obs)
    if not pending or _asked_for_restart(obs):
        return None
    markers = ", ".join(pending)
    at_work = _servicing_seen(obs)
    why = (*at_work, observed.setting("updates were pending before", markers))
    confidence = Confidence.MEDIUM if at_work else Confidence.LOW
    facts = (update_facts.UPDATE_MARKERS, update_facts.UPDATE_SERVICES)
    return _Found(Cause.WINDOWS_UPDATE, confidence, remedies.FINISH_UPDATES, why, facts)


def _asked_for_restart(obs: Observation) -> bool:
    if obs.command is not Command.INSIDE or obs.answer is None:
        return False
    return bool(_RESTARTS & initiation.command_options(obs.answer.command).keys())


def _servicing_seen(obs: Observation) -> tuple[Evidence, ...]:
    """Update services that were seen at work in the preshutdown phase."""
    return tuple(
        observed.service(sample, service)
        for sample in progress.preshutdown_samples(obs)[-1:]
        for service in progress.holders(obs, sample)
        if progress.is_update_service(service.name)
    )
