"""Rules for a press that did not reach the guest, or that a hung guest did not take."""

from __future__ import annotations

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis import observed, outside_activity, predicates, remedies
from powerdown.diagnosis.rules.rule import Rule, verdict
from powerdown.diagnosis.verdict import Confidence, Verdict
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import ChannelState, Command, Observation
from powerdown.windows.facts import damage_facts, press_facts


def wake_failed(obs: Observation) -> Verdict | None:
    """After sleep the ACPI registers are gone: the host's firmware failed, not the guest."""
    before = obs.pm1_before
    if before is None or before.mapped or not obs.woken_before:
        return None
    if any(sample.mapped for sample in obs.pm1_after) or not predicates.still_running(obs):
        return None
    return verdict(
        Outcome.HOST_FAULT,
        Cause.HOST_FAULT,
        Confidence.HIGH,
        (
            observed.registers(before, "the PM1 registers are not mapped"),
            observed.deduced(
                "the machine was woken from sleep before, and not reset since", "WAKEUP"
            ),
        ),
        ruled_out=((Cause.PRESS_LOST, "the guest had booted and slept before"),),
        remedy=remedies.WAKE_FAILED,
    )


def press_lost(obs: Observation) -> Verdict | None:
    """The press was dropped: the guest had not armed its power button."""
    before = obs.pm1_before
    if obs.command is not Command.PRESS or before is None or not obs.pm1_after:
        return None
    # A guest that sleeps, is stopped or has ended has another problem than an early press.
    if obs.run_state is not RunState.RUNNING:
        return None
    armed = before.button_armed or any(sample.button_armed for sample in obs.pm1_after)
    if armed or any(sample.press_pending for sample in obs.pm1_after):
        return None
    why = "the power button is not enabled" if before.mapped else "the PM1 registers are not mapped"
    up = obs.commanded_at - obs.powered_on_at
    never_booted = up > obs.budgets.boot
    return verdict(
        Outcome.STAYED_UP,
        Cause.PRESS_LOST,
        Confidence.HIGH,
        (
            observed.registers(before, f"before the press, {up:.0f} s after power-on, {why}"),
            observed.registers(obs.pm1_after[0], "after it the press is not latched"),
            observed.run_state(obs),
            *observed.shown(obs),
        ),
        ruled_out=((Cause.POWER_BUTTON_IGNORED, "the press never reached the guest"),),
        remedy=remedies.BOOT_FAILURE if never_booted else remedies.PRESS_AGAIN,
    )


def hung(obs: Observation) -> Verdict | None:
    """The press stays latched: the guest no longer services interrupts.

    High confidence where its CPUs spin or are halted and nothing contradicts it.
    """
    before, samples = obs.pm1_before, obs.pm1_after
    if before is None or not before.button_armed or not samples:
        return None
    waited = samples[-1].at - obs.commanded_at
    if not samples[-1].press_pending or waited < obs.budgets.reaction:
        return None
    if obs.press_taken_at is not None or not predicates.still_running(obs):
        return None
    if obs.control is ChannelState.ALIVE and obs.samples:
        return None
    evidence = [
        observed.registers(before, "before the press the button was armed"),
        observed.registers(samples[-1], f"after {waited:.1f} s the press is still latched"),
        observed.run_state(obs),
        observed.cpu(obs),
    ]
    if obs.control is not ChannelState.NONE:
        evidence.append(observed.control(obs))
    return verdict(
        Outcome.STAYED_UP,
        Cause.DAMAGED_SYSTEM,
        _confidence_of_hang(obs),
        evidence,
        ruled_out=(
            (Cause.POWER_BUTTON_IGNORED, "a guest that ignores a press takes it first"),
            (Cause.ASLEEP, "its CPUs are not stopped"),
        ),
        remedy=remedies.INVESTIGATE_HANG,
    )


def _confidence_of_hang(obs: Observation) -> Confidence:
    if outside_activity.is_starved(obs) or outside_activity.screen_changed(obs):
        return Confidence.LOW
    if outside_activity.is_pinned(obs) or outside_activity.cpus_halted(obs):
        return Confidence.HIGH
    answered = obs.control is ChannelState.LOST
    return (
        Confidence.MEDIUM if answered or outside_activity.cpu_share(obs) is None else Confidence.LOW
    )


PRESS_NOT_DELIVERED = (
    Rule(
        "wake-up failed",
        wake_failed,
        is_final=True,
        facts=(press_facts.SUSPENDED_PRESS_LATCHED,),
    ),
    Rule("press lost", press_lost, is_final=True, facts=(press_facts.PRESS_NEEDS_ARMING,)),
    Rule("hung", hung, is_final=True, facts=(damage_facts.LATCHED_PRESS,)),
)
"""In the order asked."""
