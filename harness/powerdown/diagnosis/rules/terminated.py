"""Rules for a guest that ended, restarted, sleeps or crashed: a final event was observed."""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import at_rest, initiation, observed, progress, remedies
from powerdown.diagnosis.rules.monitor_gap import END_UNSEEN, LOST
from powerdown.diagnosis.rules.restarted import RESTART_FACTS, restarted
from powerdown.diagnosis.rules.rule import Rule, verdict
from powerdown.diagnosis.rules.slow import COMPLETION_FACTS, SLOW_FACTS, why_slow
from powerdown.diagnosis.verdict import Confidence, Evidence, Verdict
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import Command, Observation
from powerdown.windows.facts import damage_facts, forced_stop_facts, press_facts
from powerdown.windows.settings.button_settings import ButtonAction
from powerdown.windows.settings.sleep_settings import FAST_STARTUP

_HOST_REASONS = ("host-qmp-quit", "host-signal", "host-ui", "host-qmp-system-reset")
"""QEMU's ShutdownCause values for an end that the host brought about (qapi/run-state.json)."""

_FAULTY_STATES = (RunState.IO_ERROR, RunState.INTERNAL_ERROR)

_HELD_STATES = (RunState.PAUSED, RunState.PRELAUNCH, RunState.INMIGRATE, RunState.OTHER)
"""Run states in which the host keeps the CPUs from running. ``OTHER`` are those of debuggers,
migrations and snapshots (qapi/run-state.json)."""

_AWAKE_AGAIN = ("WAKEUP", "RESET", "SHUTDOWN")


def forced_off(obs: Observation) -> Verdict | None:
    """The host cut the power: QEMU says so, or the harness killed it."""
    off, reset, ended = obs.event("SHUTDOWN"), obs.event("RESET"), obs.exit
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
        elif obs.command is Command.KILL and off is None:
            evidence.append(
                observed.process_exit(ended, "QEMU was killed without a SHUTDOWN event")
            )
    return _forced([*evidence, *at_rest.found(obs)]) if evidence else None


def host_fault(obs: Observation) -> Verdict | None:
    """QEMU ended without the guest powering off, or cannot go on."""
    shutdown = obs.event("SHUTDOWN")
    disk_error = obs.event("BLOCK_IO_ERROR")
    if shutdown is not None and shutdown.data.get("reason") == "host-error":
        evidence = (observed.host_event(shutdown, "QEMU could not go on"),)
    elif obs.exit is not None and shutdown is None:
        evidence = (observed.process_exit(obs.exit, "QEMU ended without a SHUTDOWN event"),)
    elif obs.run_state in _FAULTY_STATES and disk_error is not None:
        evidence = (observed.host_event(disk_error, "the disk failed on the host"),)
    elif obs.run_state in _FAULTY_STATES:
        evidence = (observed.run_state(obs),)
    else:
        return None
    return verdict(
        Outcome.HOST_FAULT,
        Cause.HOST_FAULT,
        Confidence.HIGH,
        evidence,
        remedy=remedies.LOOK_AT_HOST,
    )


def held_by_host(obs: Observation) -> Verdict | None:
    """The host kept the guest's CPUs stopped: no guest can react to a press then."""
    if obs.run_state_before not in _HELD_STATES or obs.run_state is not obs.run_state_before:
        return None
    return verdict(
        Outcome.HOST_FAULT,
        Cause.HOST_FAULT,
        Confidence.HIGH,
        (observed.run_state_before(obs), observed.run_state(obs)),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "its CPUs are stopped by the host"),),
        remedy=remedies.LET_IT_RUN,
    )


def crashed(obs: Observation) -> Verdict | None:
    """The guest reported its crash through pvpanic or hv-crash."""
    panicked = obs.event("GUEST_PANICKED")
    off = obs.event("SHUTDOWN")
    if panicked is None and off is not None and off.data.get("reason") == "guest-panic":
        panicked = off
    stopped = RunState.GUEST_PANICKED in (obs.run_state_before, obs.run_state)
    if panicked is not None:
        evidence = [observed.host_event(panicked, "the guest reported its crash")]
    elif stopped:
        evidence = [observed.run_state_before(obs), observed.run_state(obs)]
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


def asleep(obs: Observation) -> Verdict | None:
    """The guest sleeps: it did already, or it went to sleep instead of shutting down."""
    slept = next((e for e in reversed(obs.events) if e.name == "SUSPEND"), None)
    if slept is not None:
        if any(e.name in _AWAKE_AGAIN and e.at >= slept.at for e in obs.events):
            return None
        evidence = [observed.host_event(slept, "the guest went to sleep")]
    elif obs.run_state_before is RunState.SUSPENDED and obs.run_state is RunState.SUSPENDED:
        evidence = [observed.run_state_before(obs), observed.run_state(obs)]
        if obs.pm1_after:
            evidence.append(
                observed.registers(obs.pm1_after[-1], "a sleeping guest takes no press")
            )
    else:
        return None
    if obs.button is not None:
        evidence.append(observed.button(obs))
    return verdict(
        Outcome.SUSPENDED,
        Cause.ASLEEP,
        Confidence.HIGH,
        evidence,
        ruled_out=((Cause.DAMAGED_SYSTEM, "its CPUs stand still because it sleeps, not hangs"),),
        remedy=remedies.WAKE,
    )


def hibernated(obs: Observation) -> Verdict | None:
    """The power went off, but the guest was saved, not shut down.

    QEMU saw it enter S4, or its disk holds a saved system.
    """
    saved, off = obs.event("SUSPEND_DISK"), obs.event("SHUTDOWN")
    if off is None or off.data.get("reason") != "guest-shutdown":
        return None
    if saved is None and not at_rest.is_hibernated(obs):
        return None
    evidence = [] if saved is None else [observed.host_event(saved, "the guest entered S4")]
    evidence += [observed.host_event(off, "the guest powered off"), *at_rest.found(obs)]
    baseline = obs.baseline
    action = None if obs.button is None else obs.button.effective()
    remedy = remedies.NO_HIBERNATION
    if baseline is not None and action is not None:
        evidence.append(observed.button(obs))
        if action is ButtonAction.SHUT_DOWN and baseline.settings.truth(FAST_STARTUP):
            evidence += observed.settings(baseline, FAST_STARTUP)
            remedy = FAST_STARTUP.remedy
    return verdict(
        Outcome.HIBERNATED,
        Cause.ASLEEP,
        Confidence.HIGH,
        evidence,
        ruled_out=((Cause.NONE, "a guest that shuts down enters S5, not S4"),),
        remedy=remedy,
    )


def completed(obs: Observation) -> Verdict | None:
    """The guest powered off by itself and was not hibernated."""
    event = obs.event("SHUTDOWN")
    if event is None or event.data.get("reason") != "guest-shutdown":
        return None
    took = event.at - obs.commanded_at
    evidence = [observed.host_event(event, f"the guest powered off after {took:.2f} s")]
    evidence += observed.how_taken(obs)
    evidence += at_rest.found(obs)
    if took > obs.budgets.shutdown_soft:
        return why_slow(obs, evidence, event.at)
    confidence = _confidence_of_completion(obs)
    if confidence is not Confidence.HIGH:
        evidence += _why_doubtful(obs)
    return verdict(Outcome.COMPLETED, Cause.NONE, confidence, evidence, rests_on=COMPLETION_FACTS)


def _confidence_of_completion(obs: Observation) -> Confidence:
    """How sure it is that the command ended the guest, and not something else at the same time.

    Most guests end their ACPI driver before the latch can be read again; so only a press that
    verifiably did not arrive, or that the guest left latched, lowers the confidence.
    """
    if obs.command is not Command.PRESS:
        return Confidence.MEDIUM if at_rest.lacks_orderly_end(obs) else Confidence.HIGH
    action = None if obs.button is None else obs.button.effective()
    if action not in (None, ButtonAction.SHUT_DOWN):
        return Confidence.LOW
    entry = initiation.initiated(obs)
    by_another = entry is not None and initiation.is_anothers(obs, entry)
    if by_another or progress.was_ending(obs) or at_rest.lacks_orderly_end(obs):
        return Confidence.MEDIUM
    armed = obs.pm1_before is not None and obs.pm1_before.button_armed
    untaken = any(sample.press_pending for sample in obs.pm1_after)
    taken = obs.press_taken_at is not None or (armed and not untaken)
    return Confidence.HIGH if taken else Confidence.MEDIUM


def _why_doubtful(obs: Observation) -> list[Evidence]:
    """Evidence against the press as the reason for the guest's end."""
    # Records from the disk are already among the evidence of the post-mortem.
    records = () if at_rest.tells_records(obs) else obs.records or ()
    found = [observed.record(r, "recorded since the command") for r in records]
    if obs.button is not None:
        found.append(observed.button(obs))
    if obs.pm1_before is not None:
        found.append(observed.registers(obs.pm1_before, "before the press"))
    if progress.was_ending(obs):
        found.append(observed.deduced("services were being stopped before the command", "baseline"))
    return found


def _forced(evidence: Iterable[Evidence]) -> Verdict:
    return verdict(
        Outcome.FORCED_OFF,
        Cause.FORCED_SHUTDOWN,
        Confidence.HIGH,
        evidence,
        remedy=remedies.SHUT_DOWN_SOFTLY,
    )


TERMINATED = (
    Rule("forced off", forced_off, is_final=True, facts=(forced_stop_facts.FORCED_STOP_EVENTS,)),
    END_UNSEEN,
    Rule("host fault", host_fault, is_final=True),
    Rule("guest held by the host", held_by_host, is_final=True),
    Rule(
        "crashed",
        crashed,
        is_final=True,
        facts=(damage_facts.PANIC_REPORT, damage_facts.PANIC_ACTION),
    ),
    Rule("hibernated", hibernated, is_final=True, facts=(press_facts.SLEEP_TYPE_EVENTS,)),
    Rule("asleep", asleep, is_final=True, facts=(press_facts.SLEEP_TYPE_EVENTS,)),
    Rule("restarted", restarted, is_final=True, facts=RESTART_FACTS),
    Rule(
        "completed",
        completed,
        is_final=True,
        facts=(*COMPLETION_FACTS, *SLOW_FACTS),
    ),
    LOST,
)
"""In the order asked."""
