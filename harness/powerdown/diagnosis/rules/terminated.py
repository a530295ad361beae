"""Rules for a guest that ended, restarted, sleeps or crashed: something final was seen."""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import at_rest, initiation, observed, progress, remedies
from powerdown.diagnosis.rules.monitor_gap import END_UNSEEN, LOST
from powerdown.diagnosis.rules.restarted import restarted
from powerdown.diagnosis.rules.rule import Rule, verdict
from powerdown.diagnosis.rules.slow import why_slow
from powerdown.diagnosis.verdict import Confidence, Evidence, Verdict
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import Command, Observation
from powerdown.windows.commands import ButtonAction

_HOST_REASONS = ("host-qmp-quit", "host-signal", "host-ui", "host-qmp-system-reset")
"""QEMU's ShutdownCause values for an end that the host brought about (qapi/run-state.json)."""

_FAULTY_STATES = (RunState.IO_ERROR, RunState.INTERNAL_ERROR)

_HELD_STATES = (RunState.PAUSED, RunState.PRELAUNCH, RunState.INMIGRATE, RunState.OTHER)
"""Run states in which the host keeps the CPUs from running. ``OTHER`` are those of debuggers,
migrations and snapshots (qapi/run-state.json)."""

_AWAKE_AGAIN = ("WAKEUP", "RESET", "SHUTDOWN")


def forced_off(seen: Observation) -> Verdict | None:
    """The host cut the power: QEMU says so, or the harness killed it."""
    off, reset, ended = seen.event("SHUTDOWN"), seen.event("RESET"), seen.exit
    evidence: list[Evidence] = []
    # Behind a power-off a reset is how libvirt starts the guest again.
    resets = reset is not None and (off is None or reset.at < off.at)
    if off is not None and off.data.get("reason") in _HOST_REASONS:
        evidence.append(observed.host_event(off, "the host ended the guest"))
    elif reset is not None and resets and reset.data.get("reason") in _HOST_REASONS:
        evidence.append(observed.host_event(reset, "the host ended the guest"))
    if ended is not None and (off is None or evidence):
        if ended.data.get("libvirt") == "destroyed":
            evidence.append(observed.process_exit(ended, "libvirt was told to destroy the domain"))
        elif seen.command is Command.KILL and off is None:
            evidence.append(
                observed.process_exit(ended, "QEMU was killed without a SHUTDOWN event")
            )
    return _forced([*evidence, *at_rest.found(seen)]) if evidence else None


def host_fault(seen: Observation) -> Verdict | None:
    """QEMU ended without the guest powering off, or cannot go on."""
    shutdown = seen.event("SHUTDOWN")
    disk_error = seen.event("BLOCK_IO_ERROR")
    if shutdown is not None and shutdown.data.get("reason") == "host-error":
        evidence = (observed.host_event(shutdown, "QEMU could not go on"),)
    elif seen.exit is not None and shutdown is None:
        evidence = (observed.process_exit(seen.exit, "QEMU ended without a SHUTDOWN event"),)
    elif seen.run_state in _FAULTY_STATES and disk_error is not None:
        evidence = (observed.host_event(disk_error, "the disk failed on the host"),)
    elif seen.run_state in _FAULTY_STATES:
        evidence = (observed.run_state(seen),)
    else:
        return None
    return verdict(
        Outcome.HOST_FAULT,
        Cause.HOST_FAULT,
        Confidence.HIGH,
        evidence,
        remedy=remedies.LOOK_AT_HOST,
    )


def held(seen: Observation) -> Verdict | None:
    """The host kept the guest's CPUs stopped: no guest can heed a press then."""
    if seen.run_state_before not in _HELD_STATES or seen.run_state is not seen.run_state_before:
        return None
    return verdict(
        Outcome.HOST_FAULT,
        Cause.HOST_FAULT,
        Confidence.HIGH,
        (observed.run_state_before(seen), observed.run_state(seen)),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "its CPUs are stopped by the host"),),
        remedy=remedies.LET_IT_RUN,
    )


def crashed(seen: Observation) -> Verdict | None:
    """The guest reported its crash through pvpanic or hv-crash."""
    panicked = seen.event("GUEST_PANICKED")
    off = seen.event("SHUTDOWN")
    if panicked is None and off is not None and off.data.get("reason") == "guest-panic":
        panicked = off
    stopped = RunState.GUEST_PANICKED in (seen.run_state_before, seen.run_state)
    if panicked is not None:
        evidence = [observed.host_event(panicked, "the guest reported its crash")]
    elif stopped:
        evidence = [observed.run_state_before(seen), observed.run_state(seen)]
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
    slept = next((e for e in reversed(seen.events) if e.name == "SUSPEND"), None)
    if slept is not None:
        if any(e.name in _AWAKE_AGAIN and e.at >= slept.at for e in seen.events):
            return None
        evidence = [observed.host_event(slept, "the guest went to sleep")]
    elif seen.run_state_before is RunState.SUSPENDED and seen.run_state is RunState.SUSPENDED:
        evidence = [observed.run_state_before(seen), observed.run_state(seen)]
        if seen.pm1_after:
            evidence.append(
                observed.registers(seen.pm1_after[-1], "a sleeping guest takes no press")
            )
    else:
        return None
    if seen.button is not None:
        evidence.append(observed.button(seen))
    return verdict(
        Outcome.SUSPENDED,
        Cause.ASLEEP,
        Confidence.HIGH,
        evidence,
        ruled_out=((Cause.DAMAGED_SYSTEM, "its CPUs stand still because it sleeps, not hangs"),),
        remedy=remedies.WAKE,
    )


def hibernated(seen: Observation) -> Verdict | None:
    """The power went off, but the guest was saved, not shut down.

    QEMU saw it enter S4, or its disk holds a saved system.
    """
    saved, off = seen.event("SUSPEND_DISK"), seen.event("SHUTDOWN")
    if off is None or off.data.get("reason") != "guest-shutdown":
        return None
    if saved is None and not at_rest.is_hibernated(seen):
        return None
    evidence = [] if saved is None else [observed.host_event(saved, "the guest entered S4")]
    evidence += [observed.host_event(off, "the guest powered off"), *at_rest.found(seen)]
    survey = seen.survey
    action = None if seen.button is None else seen.button.effective()
    remedy = remedies.NO_HIBERNATION
    if survey is not None and action is not None:
        evidence.append(observed.button(seen))
        if action is ButtonAction.SHUT_DOWN and survey.fast_startup:
            evidence.append(observed.setting("fast startup is on", f"{survey.fast_startup}"))
            remedy = remedies.NO_FAST_STARTUP
    return verdict(
        Outcome.HIBERNATED,
        Cause.ASLEEP,
        Confidence.HIGH,
        evidence,
        ruled_out=((Cause.NONE, "a guest that shuts down enters S5, not S4"),),
        remedy=remedy,
    )


def completed(seen: Observation) -> Verdict | None:
    """The guest powered off by itself and was not hibernated."""
    event = seen.event("SHUTDOWN")
    if event is None or event.data.get("reason") != "guest-shutdown":
        return None
    took = event.at - seen.commanded_at
    evidence = [observed.host_event(event, f"the guest powered off after {took:.2f} s")]
    evidence += observed.how_taken(seen)
    evidence += at_rest.found(seen)
    if took > seen.budgets.shutdown_soft:
        return why_slow(seen, evidence, event.at)
    confidence = _sure_it_was_us(seen)
    if confidence is not Confidence.HIGH:
        evidence += _why_doubtful(seen)
    return verdict(Outcome.COMPLETED, Cause.NONE, confidence, evidence)


def _sure_it_was_us(seen: Observation) -> Confidence:
    """A guest that may have ended by itself just then is no proof that the press works.

    Most guests end their ACPI driver before the latch can be read again; so only a press that was
    seen not to arrive, or that a guest left latched, counts against it.
    """
    if seen.command is not Command.PRESS:
        return Confidence.MEDIUM if at_rest.lacks_orderly_end(seen) else Confidence.HIGH
    action = None if seen.button is None else seen.button.effective()
    if action not in (None, ButtonAction.SHUT_DOWN):
        return Confidence.LOW
    entry = initiation.initiated(seen)
    by_another = entry is not None and initiation.is_anothers(seen, entry)
    if by_another or progress.was_ending(seen) or at_rest.lacks_orderly_end(seen):
        return Confidence.MEDIUM
    armed = seen.pm1_before is not None and seen.pm1_before.button_armed
    untaken = any(sample.press_pending for sample in seen.pm1_after)
    taken = seen.press_taken_at is not None or (armed and not untaken)
    return Confidence.HIGH if taken else Confidence.MEDIUM


def _why_doubtful(seen: Observation) -> list[Evidence]:
    """What speaks against the press as the reason why the guest ended."""
    # Those on the disk are told with what else it says.
    records = () if at_rest.tells_records(seen) else seen.records or ()
    found = [observed.record(r, "recorded since the command") for r in records]
    if seen.button is not None:
        found.append(observed.button(seen))
    if seen.pm1_before is not None:
        found.append(observed.registers(seen.pm1_before, "before the press"))
    if progress.was_ending(seen):
        found.append(observed.deduced("services were being stopped before the command", "survey"))
    return found


def _forced(evidence: Iterable[Evidence]) -> Verdict:
    return verdict(
        Outcome.FORCED_OFF,
        Cause.FORCED_SHUTDOWN,
        Confidence.HIGH,
        evidence,
        remedy=remedies.SHUT_DOWN_SOFTLY,
    )


ENDED = (
    Rule("forced off", forced_off, lasts=True),
    END_UNSEEN,
    Rule("host fault", host_fault, lasts=True),
    Rule("guest held by the host", held, lasts=True),
    Rule("crashed", crashed, lasts=True),
    Rule("hibernated", hibernated, lasts=True),
    Rule("asleep", asleep, lasts=True),
    Rule("restarted", restarted, lasts=True),
    Rule("completed", completed, lasts=True),
    LOST,
)
"""In the order asked."""
