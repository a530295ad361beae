"""The rules from observation to verdict, in the order in which they are asked.

Each rule is a function that returns a verdict or ``None``. The first verdict stands. A rule may
claim high confidence only when no rival explains the same observation.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.diagnosis import facts
from harness.diagnosis.remedies import REMEDIES
from harness.diagnosis.verdict import Cause, Confidence, Evidence, Outcome, Verdict
from harness.guest.commands import ButtonAction
from harness.machine.protocol import RunState
from harness.shutdown.observation import Command, Observation

Rule = Callable[[Observation], Verdict | None]

_HOST_REASONS = ("host-qmp-quit", "host-signal", "host-ui", "host-qmp-system-reset")
"""QEMU's ShutdownCause values for an end that the host brought about (qapi/run-state.json)."""

_FAULTY_STATES = (RunState.IO_ERROR, RunState.INTERNAL_ERROR)


def forced_off(seen: Observation) -> Verdict | None:
    """The host cut the power: QEMU says so, or the harness killed it."""
    for name in ("SHUTDOWN", "RESET"):
        event = seen.event(name)
        if event is not None and event.data.get("reason") in _HOST_REASONS:
            evidence: tuple[Evidence, ...] = (facts.host_event(event, "the host ended the guest"),)
            return _verdict(Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN, Confidence.HIGH, evidence)
    killed = seen.exit
    if seen.command is Command.KILL and killed is not None and seen.event("SHUTDOWN") is None:
        evidence = (facts.process_exit(killed, "QEMU was killed without a SHUTDOWN event"),)
        return _verdict(Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN, Confidence.HIGH, evidence)
    return None


def host_fault(seen: Observation) -> Verdict | None:
    """QEMU ended without the guest powering off, or cannot go on."""
    shutdown = seen.event("SHUTDOWN")
    if shutdown is not None and shutdown.data.get("reason") == "host-error":
        evidence = (facts.host_event(shutdown, "QEMU could not go on"),)
    elif seen.exit is not None and shutdown is None:
        evidence = (facts.process_exit(seen.exit, "QEMU ended without a SHUTDOWN event"),)
    elif seen.run_state in _FAULTY_STATES:
        evidence = (facts.run_state(seen),)
    else:
        return None
    return _verdict(Outcome.HOST_FAULT, Cause.HOST_FAULT, Confidence.HIGH, evidence)


def restarted(seen: Observation) -> Verdict | None:
    """The guest restarted instead of powering off.

    A crash that ends in an automatic restart, or a triple fault, resets the machine too. Only a
    guest that ends in order closes the connection to its control port before.
    """
    event = seen.event("RESET")
    if event is None or event.data.get("reason") != "guest-reset":
        return None
    evidence = [facts.host_event(event, "the guest reset itself")]
    closed = seen.control_lost_at
    if closed is None or closed > event.at:
        evidence.append(facts.note("that the guest ended its services first: it may have crashed"))
        confidence = Confidence.MEDIUM
    else:
        evidence.append(facts.control_closed(closed))
        confidence = Confidence.HIGH
    return _verdict(
        Outcome.RESTARTED_INSTEAD,
        Cause.RESTART_REQUESTED,
        confidence,
        tuple(evidence),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "the guest did not go on as before"),),
    )


def completed(seen: Observation) -> Verdict | None:
    """The guest powered off by itself and was not hibernated."""
    event = seen.event("SHUTDOWN")
    if event is None or event.data.get("reason") != "guest-shutdown":
        return None
    if seen.event("SUSPEND_DISK") is not None:
        return None
    took = event.at - seen.commanded_at
    soft = seen.budgets.shutdown_soft
    evidence = [facts.host_event(event, f"the guest powered off after {took:.2f} s")]
    if seen.press_taken_at is not None:
        evidence.append(facts.taken(seen))
    if took <= soft:
        return _verdict(Outcome.COMPLETED, Cause.NONE, Confidence.HIGH, tuple(evidence))
    slow = facts.note(f"{took:.2f} s is more than the soft budget of {soft:.2f} s")
    return _verdict(Outcome.SLOW_BUT_COMPLETED, Cause.UNKNOWN, Confidence.HIGH, (*evidence, slow))


def press_lost(seen: Observation) -> Verdict | None:
    """The press was dropped: the guest had not armed its power button."""
    before = seen.pm1_before
    if seen.command is not Command.PRESS or before is None or not seen.pm1_after:
        return None
    # Asleep, stopped or gone it is in some other trouble than not having booted yet.
    if seen.run_state is not RunState.RUNNING:
        return None
    armed = before.button_armed or any(sample.button_armed for sample in seen.pm1_after)
    if armed or any(sample.press_pending for sample in seen.pm1_after):
        return None
    why = "the power button is not enabled" if before.mapped else "the PM1 registers are not mapped"
    return _verdict(
        Outcome.STAYED_UP,
        Cause.PRESS_LOST,
        Confidence.HIGH,
        (
            facts.registers(before, f"before the press {why}"),
            facts.registers(seen.pm1_after[0], "after it the press is not latched"),
            facts.run_state(seen),
        ),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "the press never reached the guest"),),
    )


def power_button_ignored(seen: Observation) -> Verdict | None:
    """The guest took the press, its setting says to do nothing, and it did nothing."""
    if seen.press_taken_at is None or seen.button is None or seen.run_state is not RunState.RUNNING:
        return None
    if seen.button.effective() is not ButtonAction.NOTHING or seen.records:
        return None
    evidence = [facts.setting(seen), facts.taken(seen), facts.run_state(seen)]
    if seen.records is None:
        evidence.append(facts.note("the event log could not be read after the press"))
        confidence = Confidence.MEDIUM
    else:
        evidence += [facts.no_records(seen), facts.control_alive(seen)]
        confidence = Confidence.HIGH
    return _verdict(
        Outcome.STAYED_UP,
        Cause.POWER_BUTTON_IGNORED,
        confidence,
        tuple(evidence),
        ruled_out=((Cause.PRESS_LOST, "the guest cleared the latched press"),),
    )


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
        evidence.append(facts.setting(seen))
    evidence += [facts.record(entry, "recorded since the command") for entry in seen.records or ()]
    evidence += [facts.note(text) for text in seen.notes]
    return _verdict(
        Outcome.INCONCLUSIVE,
        Cause.UNKNOWN,
        Confidence.LOW,
        tuple(evidence),
        remedy="The evidence fits no known cause: look at the screenshot and the System log.",
    )


RULES: tuple[Rule, ...] = (
    forced_off,
    host_fault,
    restarted,
    completed,
    press_lost,
    power_button_ignored,
)
"""In the order asked: what ended the guest first, then why it has not ended."""


def _verdict(
    outcome: Outcome,
    cause: Cause,
    confidence: Confidence,
    evidence: tuple[Evidence, ...],
    ruled_out: tuple[tuple[Cause, str], ...] = (),
    remedy: str | None = None,
) -> Verdict:
    in_order = sorted(evidence, key=lambda item: (item.at is None, item.at or 0.0))
    chosen = REMEDIES.get(cause, "") if remedy is None else remedy
    return Verdict(outcome, cause, confidence, tuple(in_order), ruled_out, chosen)
