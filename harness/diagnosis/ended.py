"""Rules for a guest that ended, restarted, sleeps or crashed: something final was seen."""

from __future__ import annotations

from harness.diagnosis import facts, reading, remedies
from harness.diagnosis.rule import Rule, verdict
from harness.diagnosis.slow import why_slow
from harness.diagnosis.verdict import Confidence, Evidence, Verdict
from harness.guest.commands import ButtonAction
from harness.guest.event_log import EventRecord
from harness.machine.protocol import RunState
from harness.outcome import Cause, Outcome
from harness.shutdown.observation import Command, Observation

_HOST_REASONS = ("host-qmp-quit", "host-signal", "host-ui", "host-qmp-system-reset")
"""QEMU's ShutdownCause values for an end that the host brought about (qapi/run-state.json)."""

_FAULTY_STATES = (RunState.IO_ERROR, RunState.INTERNAL_ERROR)

_CRITICAL_PROCESS_REASON = 0x50006
"""Reason in 1074 of the restart that wininit.exe starts when a critical process has ended."""

_SERVICING_REASONS = (0x80020003, 0x80020010)
"""Reasons in 1074 of servicing and of Windows Update (facts 1)."""


def forced_off(seen: Observation) -> Verdict | None:
    """The host cut the power: QEMU says so, or the harness killed it."""
    for name in ("SHUTDOWN", "RESET"):
        event = seen.event(name)
        if event is not None and event.data.get("reason") in _HOST_REASONS:
            return _forced(facts.host_event(event, "the host ended the guest"))
    killed = seen.exit
    if seen.command is Command.KILL and killed is not None and seen.event("SHUTDOWN") is None:
        return _forced(facts.process_exit(killed, "QEMU was killed without a SHUTDOWN event"))
    return None


def host_fault(seen: Observation) -> Verdict | None:
    """QEMU ended without the guest powering off, or cannot go on."""
    shutdown = seen.event("SHUTDOWN")
    disk_error = seen.event("BLOCK_IO_ERROR")
    if shutdown is not None and shutdown.data.get("reason") == "host-error":
        evidence = (facts.host_event(shutdown, "QEMU could not go on"),)
    elif seen.exit is not None and shutdown is None:
        evidence = (facts.process_exit(seen.exit, "QEMU ended without a SHUTDOWN event"),)
    elif seen.run_state in _FAULTY_STATES and disk_error is not None:
        evidence = (facts.host_event(disk_error, "the disk failed on the host"),)
    elif seen.run_state in _FAULTY_STATES:
        evidence = (facts.run_state(seen),)
    else:
        return None
    return verdict(
        Outcome.HOST_FAULT,
        Cause.HOST_FAULT,
        Confidence.HIGH,
        evidence,
        remedy=remedies.LOOK_AT_HOST,
    )


def crashed(seen: Observation) -> Verdict | None:
    """The guest reported its crash through pvpanic or hv-crash."""
    panicked = seen.event("GUEST_PANICKED")
    stopped = RunState.GUEST_PANICKED in (seen.run_state_before, seen.run_state)
    if panicked is not None:
        evidence = [facts.host_event(panicked, "the guest reported its crash")]
    elif stopped:
        evidence = [facts.run_state_before(seen), facts.run_state(seen)]
    else:
        return None
    return verdict(
        Outcome.CRASHED,
        Cause.DAMAGED_SYSTEM,
        Confidence.HIGH,
        evidence,
        ruled_out=((Cause.ASLEEP, "its CPUs stand still because it crashed"),),
        remedy=remedies.INVESTIGATE_CRASH,
    )


def asleep(seen: Observation) -> Verdict | None:
    """The guest sleeps: it did already, or it went to sleep instead of shutting down."""
    slept = seen.event("SUSPEND")
    if slept is not None:
        evidence = [facts.host_event(slept, "the guest went to sleep")]
    elif seen.run_state_before is RunState.SUSPENDED and seen.run_state is RunState.SUSPENDED:
        evidence = [facts.run_state_before(seen), facts.run_state(seen)]
        if seen.pm1_after:
            evidence.append(facts.registers(seen.pm1_after[-1], "a sleeping guest takes no press"))
    else:
        return None
    if seen.button is not None:
        evidence.append(facts.button(seen))
    return verdict(
        Outcome.SUSPENDED,
        Cause.ASLEEP,
        Confidence.HIGH,
        evidence,
        ruled_out=((Cause.DAMAGED_SYSTEM, "its CPUs stand still because it sleeps, not hangs"),),
        remedy=remedies.WAKE,
    )


def hibernated(seen: Observation) -> Verdict | None:
    """The power went off, but QEMU saw the guest enter S4: it was saved, not shut down."""
    saved, off = seen.event("SUSPEND_DISK"), seen.event("SHUTDOWN")
    if saved is None or off is None or off.data.get("reason") != "guest-shutdown":
        return None
    evidence = [
        facts.host_event(saved, "the guest entered S4"),
        facts.host_event(off, "and powered off"),
    ]
    survey = seen.survey
    action = None if seen.button is None else seen.button.effective()
    remedy = remedies.NO_HIBERNATION
    if survey is not None and action is not None:
        evidence.append(facts.button(seen))
        if action is ButtonAction.SHUT_DOWN and survey.fast_startup:
            evidence.append(facts.setting("fast startup is on", f"{survey.fast_startup}"))
            remedy = remedies.NO_FAST_STARTUP
    return verdict(
        Outcome.HIBERNATED,
        Cause.ASLEEP,
        Confidence.HIGH,
        evidence,
        ruled_out=((Cause.NONE, "a guest that shuts down enters S5, not S4"),),
        remedy=remedy,
    )


def restarted(seen: Observation) -> Verdict | None:
    """The guest restarted instead of powering off; who asked decides the cause.

    A crash with automatic restart and a triple fault reset the machine too. What tells them apart
    is a restart recorded or commanded, and a control port closed in order before. The port alone
    does not: http.sys closes idle connections by a timer as well.
    """
    reset = seen.event("RESET")
    if reset is None or reset.data.get("reason") != "guest-reset":
        return None
    evidence = [facts.host_event(reset, "the guest reset itself")]
    closed = seen.control_lost_at
    orderly = closed is not None and closed <= reset.at
    if closed is not None and orderly:
        evidence.append(facts.control_closed(closed))
    recorded = reading.initiated(seen)
    if recorded is not None:
        evidence.append(facts.record(recorded, "who initiated it"))
    found = (
        _by_critical_process(recorded)
        or _by_servicing(seen, recorded)
        or _by_request(seen, recorded)
    )
    if found is None:
        evidence.append(facts.note("who asked for it: it may have crashed"))
        found = Cause.UNKNOWN, Confidence.LOW, remedies.FIND_RESTART
    cause, confidence, remedy = found
    if cause is Cause.WINDOWS_UPDATE:
        evidence += _servicing_seen(seen)
    if confidence is Confidence.HIGH and not orderly:
        confidence = Confidence.MEDIUM
    return verdict(
        Outcome.RESTARTED_INSTEAD,
        cause,
        confidence,
        evidence,
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "the guest did not go on as before"),),
        remedy=remedy,
    )


def completed(seen: Observation) -> Verdict | None:
    """The guest powered off by itself and was not hibernated."""
    event = seen.event("SHUTDOWN")
    if event is None or event.data.get("reason") != "guest-shutdown":
        return None
    took = event.at - seen.commanded_at
    evidence = [facts.host_event(event, f"the guest powered off after {took:.2f} s")]
    evidence += facts.how_taken(seen)
    soft = seen.budgets.shutdown_soft
    if took > soft:
        return why_slow(seen, evidence, took)
    return verdict(Outcome.COMPLETED, Cause.NONE, _sure_it_was_us(seen), evidence)


def _sure_it_was_us(seen: Observation) -> Confidence:
    """A guest that may have ended by itself just then is no proof that the press works.

    Most guests end their ACPI driver before the latch can be read again; so only a press that was
    seen not to arrive, or that a guest left latched, counts against it.
    """
    if seen.command is not Command.PRESS or seen.press_taken_at is not None:
        return Confidence.HIGH
    armed = seen.pm1_before is not None and seen.pm1_before.button_armed
    untaken = any(sample.press_pending for sample in seen.pm1_after)
    return Confidence.HIGH if armed and not untaken else Confidence.MEDIUM


_Found = tuple[Cause, Confidence, str]


def _by_critical_process(recorded: EventRecord | None) -> _Found | None:
    if recorded is None or _code(recorded) != _CRITICAL_PROCESS_REASON:
        return None
    return Cause.DAMAGED_SYSTEM, Confidence.HIGH, remedies.REPAIR_SYSTEM


def _by_servicing(seen: Observation, recorded: EventRecord | None) -> _Found | None:
    """Servicing asked, or update work was pending and was seen to be done on the way down."""
    if seen.command is not Command.PRESS:
        return None
    if recorded is not None and _code(recorded) in _SERVICING_REASONS:
        return Cause.WINDOWS_UPDATE, Confidence.HIGH, remedies.FINISH_UPDATES
    pending = seen.survey is not None and bool(seen.survey.update_markers)
    if pending and _servicing_seen(seen):
        return Cause.WINDOWS_UPDATE, Confidence.HIGH, remedies.FINISH_UPDATES
    if pending:
        return Cause.WINDOWS_UPDATE, Confidence.MEDIUM, remedies.FINISH_UPDATES
    return None


def _by_request(seen: Observation, recorded: EventRecord | None) -> _Found | None:
    """A restart was commanded inside, or a record says that one was initiated."""
    if seen.command is Command.INSIDE and seen.answer is not None and seen.answer.exit_code == 0:
        return Cause.RESTART_REQUESTED, Confidence.HIGH, remedies.FIND_RESTART
    if recorded is not None and _code(recorded) is not None:
        return Cause.RESTART_REQUESTED, Confidence.HIGH, remedies.FIND_RESTART
    if seen.control_lost_at is not None:
        return Cause.RESTART_REQUESTED, Confidence.MEDIUM, remedies.FIND_RESTART
    return None


def _servicing_seen(seen: Observation) -> list[Evidence]:
    """Update services that were seen at work in the preshutdown phase, and pending markers."""
    evidence = []
    for look in reading.preshutdown_looks(seen)[-1:]:
        for service in reading.preshutdown_holders(seen, look):
            if reading.is_update_service(service.name):
                evidence.append(facts.service(look, service))
    if evidence and seen.survey is not None and seen.survey.update_markers:
        markers = ", ".join(seen.survey.update_markers)
        evidence.append(facts.setting("updates were pending before", markers))
    return evidence


def _code(recorded: EventRecord) -> int | None:
    """The reason code of a 1074; ``None`` if it is no number."""
    try:
        return int(recorded.data.get("param4", ""), 16)
    except ValueError:
        return None


def _forced(evidence: Evidence) -> Verdict:
    return verdict(
        Outcome.FORCED_OFF,
        Cause.FORCED_SHUTDOWN,
        Confidence.HIGH,
        (evidence,),
        remedy=remedies.SHUT_DOWN_SOFTLY,
    )


ENDED = (
    Rule("forced off", forced_off, lasts=True),
    Rule("host fault", host_fault, lasts=True),
    Rule("crashed", crashed, lasts=True),
    Rule("hibernated", hibernated, lasts=True),
    Rule("asleep", asleep, lasts=True),
    Rule("restarted", restarted, lasts=True),
    Rule("completed", completed, lasts=True),
)
"""In the order asked."""
