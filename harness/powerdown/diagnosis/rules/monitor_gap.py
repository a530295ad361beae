"""Rules for a lost connection to QEMU's monitor: what happened meanwhile is not known."""

from __future__ import annotations

from dataclasses import replace

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import observed, remedies
from powerdown.diagnosis.rules.rule import Rule, verdict
from powerdown.diagnosis.verdict import Confidence, Verdict
from powerdown.machine.events import MONITOR_BACK, MONITOR_LOST, HostEvent
from powerdown.shutdown.observation import Command, Observation

_TAKEN_AWAY = ("migrated", "saved", "from_snapshot")
"""libvirt's details for a domain that is off here although its guest has not ended
(libvirt-domain.h, virDomainEventStoppedDetailType)."""


def end_unseen(obs: Observation) -> Verdict | None:
    """QEMU has ended, or the guest went elsewhere, while the monitor was lost.

    It may have powered off, crashed or been forced off meanwhile.
    """
    ended = obs.exit
    if ended is None or obs.command is Command.KILL or obs.event("SHUTDOWN") is not None:
        return None
    lost = obs.event(MONITOR_LOST)
    if ended.data.get("libvirt") in _TAKEN_AWAY:
        evidence = [observed.process_exit(ended, "libvirt took the guest from its QEMU")]
        remedy = remedies.LOOK_WHERE_IT_IS
    elif lost is not None:
        evidence = [
            observed.host_event(lost, "the connection to QEMU's monitor was lost"),
            observed.process_exit(ended, "QEMU has ended; how was not observed"),
        ]
        remedy = remedies.LOOK_HOW_IT_ENDED
    else:
        return None
    return verdict(
        Outcome.INCONCLUSIVE,
        Cause.UNKNOWN,
        Confidence.LOW,
        evidence,
        ruled_out=((Cause.NONE, "no power-off by the guest itself was observed"),),
        remedy=remedy,
    )


def monitor_lost(obs: Observation) -> Verdict | None:
    """The monitor is lost for good, and nothing is known of the guest since."""
    last = next((e for e in reversed(obs.events) if e.name in (MONITOR_LOST, MONITOR_BACK)), None)
    if last is None or last.name == MONITOR_BACK or obs.exit is not None:
        return None
    if obs.event("SHUTDOWN") is not None:
        return None
    return verdict(
        Outcome.HOST_FAULT,
        Cause.HOST_FAULT,
        Confidence.HIGH,
        (observed.host_event(last, "the connection to QEMU's monitor was lost"),),
        remedy=remedies.CONNECT_AGAIN,
    )


def less_sure(found: Verdict, obs: Observation) -> Verdict:
    """The verdict on a guest that stayed up, with less confidence if the monitor was lost for a
    while.

    It may have restarted meanwhile, or been reset.
    """
    gap = _gap(obs)
    if gap is None or found.outcome is not Outcome.STAYED_UP:
        return found
    evidence = observed.host_event(gap, "until then QEMU's events could not be observed")
    confidence = found.confidence
    return replace(
        found,
        confidence=Confidence.MEDIUM if confidence is Confidence.HIGH else confidence,
        evidence=(*found.evidence, evidence),
    )


def _gap(obs: Observation) -> HostEvent | None:
    """When the monitor was back, if it had been lost."""
    return obs.event(MONITOR_BACK)


END_UNSEEN = Rule("end unseen", end_unseen, is_final=True)
# A daemon may come back: more waiting may tell.
LOST = Rule("monitor lost", monitor_lost)
