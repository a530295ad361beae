from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.diagnosis.diagnose import diagnose
from harness.diagnosis.verdict import Cause, Confidence, Outcome
from harness.guest.commands import ButtonAction, PowerSource
from harness.guest.power_settings import PowerButton
from harness.images.image import Budgets
from harness.machine.events import PROCESS_EXIT, HostEvent
from harness.machine.protocol import Pm1Sample, RunState
from harness.shutdown.observation import CONTROL_BACK, CONTROL_CLOSED, Command, Observation

BUDGETS = Budgets(boot=60, reaction=3, shutdown_soft=20, shutdown_hard=60)
ARMED = Pm1Sample(at=99.9, status=0x0000, enable=0x0120)
UNARMED = Pm1Sample(at=99.9, status=0x0000, enable=0x0000)
UNMAPPED = Pm1Sample(at=99.9, status=0xFFFF, enable=0xFFFF)
LATCHED = Pm1Sample(at=100.1, status=0x0100, enable=0x0120)
TAKEN = Pm1Sample(at=100.2, status=0x0001, enable=0x0120)


def button(action: int) -> PowerButton:
    return PowerButton({PowerSource.AC: action, PowerSource.DC: action}, {})


def event(name: str, at: float = 101.0, **data: object) -> HostEvent:
    return HostEvent(at, name, data)


def seen(**changes: object) -> Observation:
    """A press at 100 s on a ready guest that took it, did nothing and still answers."""
    values: Mapping[str, object] = {
        "command": Command.PRESS,
        "commanded_at": 100.0,
        "ended_at": 103.0,
        "budgets": BUDGETS,
        "pm1_before": ARMED,
        "pm1_after": (LATCHED, TAKEN),
        "button": button(3),
        "events": (event("POWERDOWN", 100.0),),
        "run_state": RunState.RUNNING,
        "control_before": True,
        "control_after": True,
        "records": (),
        **changes,
    }
    return Observation(**values)  # type: ignore[arg-type]


def powered_off(at: float, *before: HostEvent) -> Observation:
    off = event("SHUTDOWN", at, guest=True, reason="guest-shutdown")
    end = event(PROCESS_EXIT, at + 0.1, status=0)
    return seen(events=(*before, off, end), run_state=None, control_after=None, records=None)


def verdict(observation: Observation) -> tuple[Outcome, Cause, Confidence]:
    found = diagnose(observation)
    return found.outcome, found.cause, found.confidence


def test_power_off_in_time_is_completed() -> None:
    assert verdict(powered_off(119.9)) == (Outcome.COMPLETED, Cause.NONE, Confidence.HIGH)


def test_power_off_after_the_soft_budget_is_slow() -> None:
    found = diagnose(powered_off(120.1))
    assert found.outcome is Outcome.SLOW_BUT_COMPLETED
    assert any("soft budget" in evidence.raw for evidence in found.evidence)


def test_hibernation_is_not_a_shutdown() -> None:
    assert verdict(powered_off(105, event("SUSPEND_DISK", 104)))[0] is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("before", "confidence"),
    [
        ((event(CONTROL_CLOSED, 100.5),), Confidence.HIGH),
        ((event(CONTROL_CLOSED, 100.5), event(CONTROL_BACK, 100.6)), Confidence.MEDIUM),
        # As a crash with automatic restart, or a triple fault, looks from outside.
        ((), Confidence.MEDIUM),
    ],
    ids=["services ended", "port closed for another reason", "no sign of order"],
)
def test_guest_reset_is_a_restart(before: tuple[HostEvent, ...], confidence: Confidence) -> None:
    reset = event("RESET", guest=True, reason="guest-reset")
    assert verdict(seen(events=(*before, reset))) == (
        Outcome.RESTARTED_INSTEAD,
        Cause.RESTART_REQUESTED,
        confidence,
    )


@pytest.mark.parametrize(
    ("command", "events"),
    [
        (Command.QUIT, (event("SHUTDOWN", reason="host-qmp-quit"), event(PROCESS_EXIT, status=0))),
        (Command.PRESS, (event("SHUTDOWN", reason="host-signal"), event(PROCESS_EXIT, status=0))),
        (Command.RESET, (event("RESET", reason="host-qmp-system-reset"),)),
        (Command.KILL, (event(PROCESS_EXIT, status=-9),)),
    ],
)
def test_what_the_host_cuts_off_is_forced(command: Command, events: tuple[HostEvent, ...]) -> None:
    assert verdict(seen(command=command, events=events))[:2] == (
        Outcome.FORCED_OFF,
        Cause.FORCED_SHUTDOWN,
    )


def test_qemu_dying_by_itself_is_the_hosts_fault() -> None:
    died = seen(events=(event(PROCESS_EXIT, status=-11),), run_state=None)
    assert verdict(died) == (Outcome.HOST_FAULT, Cause.HOST_FAULT, Confidence.HIGH)


def test_qemu_giving_up_is_the_hosts_fault() -> None:
    gave_up = seen(events=(event("SHUTDOWN", reason="host-error"),), run_state=None)
    assert verdict(gave_up) == (Outcome.HOST_FAULT, Cause.HOST_FAULT, Confidence.HIGH)


@pytest.mark.parametrize("state", [RunState.IO_ERROR, RunState.INTERNAL_ERROR])
def test_a_machine_that_cannot_go_on_is_the_hosts_fault(state: RunState) -> None:
    assert verdict(seen(run_state=state))[0] is Outcome.HOST_FAULT


@pytest.mark.parametrize("before", [UNARMED, UNMAPPED])
def test_a_press_on_an_unarmed_button_is_lost(before: Pm1Sample) -> None:
    lost = seen(pm1_before=before, pm1_after=(before,), button=button(0), records=None)
    assert verdict(lost) == (Outcome.STAYED_UP, Cause.PRESS_LOST, Confidence.HIGH)


@pytest.mark.parametrize("state", [RunState.SUSPENDED, RunState.GUEST_PANICKED, None])
def test_a_guest_in_other_trouble_is_not_told_to_wait_for_its_button(
    state: RunState | None,
) -> None:
    other = seen(pm1_before=UNARMED, pm1_after=(UNARMED,), run_state=state)
    assert verdict(other) == (Outcome.INCONCLUSIVE, Cause.UNKNOWN, Confidence.LOW)


def test_a_press_latched_by_a_button_armed_in_between_is_not_called_lost() -> None:
    assert verdict(seen(pm1_before=UNARMED, pm1_after=(LATCHED,)))[1] is not Cause.PRESS_LOST


def test_an_ignored_button_is_named_with_its_remedy() -> None:
    found = diagnose(seen(button=button(0)))
    assert (found.cause, found.confidence) == (Cause.POWER_BUTTON_IGNORED, Confidence.HIGH)
    assert "powercfg /setacvalueindex" in found.remedy
    assert (Cause.PRESS_LOST, "the guest cleared the latched press") in found.ruled_out


def test_policy_alone_can_make_the_button_ignored() -> None:
    setting = PowerButton(button(3).scheme, {PowerSource.AC: ButtonAction.NOTHING})
    assert verdict(seen(button=setting))[1] is Cause.POWER_BUTTON_IGNORED


@pytest.mark.parametrize(
    "change",
    [
        {"button": None},
        {"button": button(3)},
        {"button": button(4)},
        {"pm1_after": (LATCHED,), "button": button(0)},
        {"run_state": RunState.SUSPENDED, "button": button(0)},
    ],
    ids=["setting unknown", "set to shut down", "display off", "press not taken", "asleep"],
)
def test_without_proof_the_button_is_not_blamed(change: dict[str, object]) -> None:
    assert verdict(seen(**change)) == (Outcome.INCONCLUSIVE, Cause.UNKNOWN, Confidence.LOW)


def test_without_the_event_log_confidence_falls() -> None:
    blind = seen(button=button(0), records=None, control_after=False)
    assert verdict(blind)[1:] == (Cause.POWER_BUTTON_IGNORED, Confidence.MEDIUM)


samples = st.builds(
    Pm1Sample, at=st.floats(100, 110), status=st.integers(0, 0xFFFF), enable=st.integers(0, 0xFFFF)
)
names = st.sampled_from(
    ["POWERDOWN", "SHUTDOWN", "RESET", "SUSPEND", "SUSPEND_DISK", "STOP", PROCESS_EXIT]
)
reasons = st.sampled_from(["guest-shutdown", "guest-reset", "host-qmp-quit", "guest-panic"])
any_observation = st.builds(
    seen,
    command=st.sampled_from(Command),
    events=st.lists(
        st.builds(lambda n, at, r: event(n, at, reason=r), names, st.floats(100, 200), reasons),
        max_size=6,
    ).map(tuple),
    pm1_before=st.none() | samples,
    pm1_after=st.lists(samples, max_size=3).map(tuple),
    button=st.none() | st.integers(0, 9).map(button),
    run_state=st.none() | st.sampled_from(RunState),
    records=st.none() | st.just(()),
)


@given(any_observation)
def test_every_observation_has_a_verdict_that_rests_on_evidence(observation: Observation) -> None:
    found = diagnose(observation)
    completed = found.outcome in (Outcome.COMPLETED, Outcome.SLOW_BUT_COMPLETED)
    off = observation.event("SHUTDOWN")
    if completed:
        assert off is not None
        assert off.data["reason"] == "guest-shutdown"
        assert observation.event("SUSPEND_DISK") is None
    if found.confidence is Confidence.HIGH:
        assert found.evidence
    if found.cause is Cause.POWER_BUTTON_IGNORED:
        assert observation.press_taken_at is not None
