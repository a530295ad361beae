"""A guest that ended: powered off, hibernated, asleep, crashed, forced, or lost with its host."""

from __future__ import annotations

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose
from powerdown.machine.events import PROCESS_EXIT, HostEvent
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import ChannelState, Command
from tests.support.observations import (
    ARMED,
    BY_BUTTON,
    HIGH,
    INCONCLUSIVE,
    LATCHED,
    LOW,
    MEDIUM,
    STOPPING,
    UNARMED,
    baseline,
    button,
    by_command,
    event,
    found,
    initiated,
    inside,
    obs,
    powered_off,
    sample,
    service,
)

COMPLETED = (Outcome.COMPLETED, Cause.NONE)


class TestCompleted:
    def test_power_off_in_time(self) -> None:
        assert found(powered_off(119.9)) == (*COMPLETED, HIGH)

    def test_power_off_after_the_soft_budget_is_slow(self) -> None:
        assert diagnose(powered_off(120.1)).outcome is Outcome.SLOW_BUT_COMPLETED

    def test_a_guest_too_fast_for_the_probe(self) -> None:
        assert found(powered_off(101, pm1_after=())) == (*COMPLETED, HIGH)

    def test_a_command_inside_has_no_latch(self) -> None:
        off = powered_off(101).events
        quick = inside("shutdown /s /t 0", events=off, run_state=None, ended_at=101.0)
        assert found(quick) == (*COMPLETED, HIGH)

    @pytest.mark.parametrize(
        ("change", "confidence"),
        [
            ({"pm1_before": UNARMED, "pm1_after": ()}, MEDIUM),
            ({"pm1_after": (LATCHED,)}, MEDIUM),
            ({"baseline": baseline(services=(service("x", STOPPING),))}, MEDIUM),
            ({"samples": (sample(101, by_command()),)}, MEDIUM),
            ({"baseline": baseline(button=button(0))}, LOW),
            ({"baseline": baseline(button=button(1))}, LOW),
            ({"baseline": baseline(button=button(4))}, LOW),
            ({"baseline": baseline(button=button(9))}, HIGH),
            ({"baseline": baseline(button=None)}, HIGH),
            ({"samples": (sample(101, BY_BUTTON),)}, HIGH),
            ({"samples": (sample(101, initiated(8, "", "")),)}, HIGH),
        ],
        ids=[
            "not armed",
            "left latched",
            "shutting down before",
            "another's shutdown",
            "set to nothing",
            "set to sleep",
            "set to display off",
            "unknown setting",
            "setting unread",
            "recorded as the button's",
            "recorded without a name",
        ],
    )
    def test_a_guest_that_may_have_ended_by_itself_is_no_proof_of_the_press(
        self, change: dict[str, object], confidence: object
    ) -> None:
        assert found(powered_off(105, **change)) == (*COMPLETED, confidence)


class TestHibernated:
    @pytest.mark.parametrize(
        ("settings", "remedy"),
        [
            ({"button": button(2), "hibernation": True}, "/hibernate off"),
            ({"fast_startup": True}, "HiberbootEnabled"),
            ({"button": None, "fast_startup": True}, "/hibernate off"),
        ],
    )
    def test_power_off_behind_s4(self, settings: dict[str, object], remedy: str) -> None:
        off = powered_off(105, event("SUSPEND_DISK", 104.9), baseline=baseline(**settings))
        assert found(off) == (Outcome.HIBERNATED, Cause.ASLEEP, HIGH)
        assert remedy in diagnose(off).remedy

    def test_seen_from_outside_only(self) -> None:
        off = powered_off(105, event("SUSPEND_DISK", 104.9)).from_outside()
        assert found(off) == (Outcome.HIBERNATED, Cause.ASLEEP, HIGH)


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.PRELAUNCH, RunState.OTHER])
def test_a_guest_that_the_host_stops_is_not_called_hung(state: RunState) -> None:
    stopped = obs(
        run_state_before=state, run_state=state, pm1_after=(LATCHED,), baseline=None, samples=()
    )
    assert found(stopped) == (Outcome.HOST_FAULT, Cause.HOST_FAULT, HIGH)


class TestAsleep:
    def test_it_goes_to_sleep(self) -> None:
        slept = obs(events=(event("SUSPEND", 101),), run_state=RunState.SUSPENDED)
        assert found(slept) == (Outcome.SUSPENDED, Cause.ASLEEP, HIGH)

    def test_it_slept_already_and_only_latches_the_press(self) -> None:
        state = RunState.SUSPENDED
        asleep = obs(
            run_state_before=state,
            run_state=state,
            pm1_after=(LATCHED,),
            baseline=None,
            samples=(),
            control=ChannelState.SILENT,
        )
        assert found(asleep) == (Outcome.SUSPENDED, Cause.ASLEEP, HIGH)
        assert found(asleep.from_outside()) == (Outcome.SUSPENDED, Cause.ASLEEP, HIGH)

    def test_a_press_that_wakes_it_is_not_called_sleep(self) -> None:
        woken = obs(run_state_before=RunState.SUSPENDED, run_state=RunState.RUNNING)
        assert diagnose(woken).cause is not Cause.ASLEEP

    @pytest.mark.parametrize("after", ["WAKEUP", "RESET"])
    def test_sleep_that_was_over_is_not_what_became_of_it(self, after: str) -> None:
        awake = obs(events=(event("SUSPEND", 101), event(after, 102)))
        assert diagnose(awake).outcome is not Outcome.SUSPENDED

    def test_a_guest_that_slept_and_then_powered_off_is_off(self) -> None:
        off = powered_off(110, event("SUSPEND", 101), event("WAKEUP", 102))
        assert found(off) == (*COMPLETED, HIGH)


class TestCrashed:
    @pytest.mark.parametrize(
        "change",
        [
            {"events": (event("GUEST_PANICKED", 101),), "run_state": RunState.GUEST_PANICKED},
            {"run_state_before": RunState.GUEST_PANICKED, "run_state": RunState.GUEST_PANICKED},
            {"events": (event("SHUTDOWN", 101, reason="guest-panic"),), "run_state": None},
            # It dumps and restarts by itself.
            {"events": (event("GUEST_PANICKED", 101), event("RESET", 105, reason="guest-reset"))},
        ],
        ids=["during", "before", "the end of it", "and restarts"],
    )
    def test_a_crash_that_was_reported(self, change: dict[str, object]) -> None:
        assert found(obs(**change)) == (Outcome.CRASHED, Cause.DAMAGED_SYSTEM, HIGH)


class TestHost:
    @pytest.mark.parametrize(
        ("command", "events"),
        [
            (Command.QUIT, (event("SHUTDOWN", reason="host-qmp-quit"), event(PROCESS_EXIT))),
            (Command.PRESS, (event("SHUTDOWN", reason="host-signal"), event(PROCESS_EXIT))),
            (Command.RESET, (event("RESET", reason="host-qmp-system-reset"),)),
            (Command.KILL, (event(PROCESS_EXIT, status=-9),)),
        ],
    )
    def test_what_the_host_cuts_off_is_forced(
        self, command: Command, events: tuple[HostEvent, ...]
    ) -> None:
        forced = (Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN, HIGH)
        assert found(obs(command=command, events=events)) == forced

    @pytest.mark.parametrize(
        "change",
        [
            {"events": (event(PROCESS_EXIT, status=-11),), "run_state": None},
            {"events": (event("SHUTDOWN", reason="host-error"),), "run_state": None},
            {"run_state": RunState.IO_ERROR},
            {"run_state": RunState.IO_ERROR, "events": (event("BLOCK_IO_ERROR", action="stop"),)},
            {"run_state": RunState.INTERNAL_ERROR},
        ],
    )
    def test_a_host_that_fails_is_not_the_guests_fault(self, change: dict[str, object]) -> None:
        assert found(obs(**change)) == (Outcome.HOST_FAULT, Cause.HOST_FAULT, HIGH)

    def test_a_disk_error_that_the_guest_got_is_none_of_the_host(self) -> None:
        reported = event("BLOCK_IO_ERROR", action="report")
        assert found(obs(events=(reported,))) == INCONCLUSIVE


def test_what_ended_it_counts_before_what_it_looked_like() -> None:
    """A button set to nothing, a press not taken: the power went off all the same."""
    off = powered_off(
        105, baseline=baseline(button=button(0)), pm1_before=ARMED, pm1_after=(LATCHED,)
    )
    assert diagnose(off).outcome is Outcome.COMPLETED
