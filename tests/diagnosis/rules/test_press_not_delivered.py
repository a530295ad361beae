"""A press that did not reach the guest, or that nobody in it took."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.machine.protocol import Pm1Sample, RunState
from powerdown.shutdown.observation import ChannelState, Observation
from tests.support.observations import (
    ARMED,
    HIGH,
    INCONCLUSIVE,
    LATCHED,
    LOW,
    MEDIUM,
    REACTED,
    SPENT,
    STILL_LATCHED,
    TAKEN,
    UNARMED,
    UNMAPPED,
    event,
    found,
    obs,
    reset,
    screens,
    works,
)

LOST = (Outcome.STAYED_UP, Cause.PRESS_LOST, HIGH)
HUNG = (Outcome.STAYED_UP, Cause.DAMAGED_SYSTEM)
NOT_THERE = {"baseline": None, "samples": (), "control": ChannelState.SILENT}


class TestPressLost:
    @pytest.mark.parametrize("before", [UNARMED, UNMAPPED])
    def test_an_unarmed_button(self, before: Pm1Sample) -> None:
        lost = obs(pm1_before=before, pm1_after=(before,), **NOT_THERE)
        assert found(lost) == LOST
        assert found(lost.from_outside()) == LOST
        assert is_conclusive(lost)

    def test_the_remedy_depends_on_whether_it_had_time_to_boot(self) -> None:
        lost = obs(pm1_before=UNARMED, pm1_after=(UNARMED,), **NOT_THERE)
        assert "boot budget" in diagnose(lost).remedy
        early = replace(lost, powered_on_at=95.0)
        assert "Press again" in diagnose(early).remedy

    @pytest.mark.parametrize("state", [RunState.SUSPENDED, RunState.PAUSED, None])
    def test_a_guest_in_other_trouble_is_not_told_to_press_again(
        self, state: RunState | None
    ) -> None:
        other = obs(pm1_before=UNARMED, pm1_after=(UNARMED,), run_state=state, **NOT_THERE)
        assert found(other) == INCONCLUSIVE

    @pytest.mark.parametrize("after", [LATCHED, TAKEN])
    def test_a_button_armed_in_between_is_not_called_lost(self, after: Pm1Sample) -> None:
        assert diagnose(obs(pm1_before=UNARMED, pm1_after=(after,))).cause is Cause.UNKNOWN

    def test_a_guest_that_disarmed_it_on_its_way_down_is_off(self) -> None:
        off = event("SHUTDOWN", 100.4, guest=True, reason="guest-shutdown")
        ended = obs(pm1_before=UNARMED, pm1_after=(UNARMED,), events=(off,), run_state=None)
        assert found(ended) == (Outcome.COMPLETED, Cause.NONE, MEDIUM)


class TestWakeFailed:
    def test_registers_that_did_not_come_back(self) -> None:
        woken = obs(pm1_before=UNMAPPED, pm1_after=(UNMAPPED,), woken_before=True)
        assert found(woken) == (Outcome.HOST_FAULT, Cause.HOST_FAULT, HIGH)

    def test_unmapped_without_a_wake_up_is_firmware_at_work(self) -> None:
        assert found(obs(pm1_before=UNMAPPED, pm1_after=(UNMAPPED,))) == LOST

    def test_registers_that_are_mapped_a_moment_later(self) -> None:
        late = obs(pm1_before=UNMAPPED, pm1_after=(ARMED,), woken_before=True)
        assert diagnose(late).outcome is not Outcome.HOST_FAULT

    def test_a_guest_that_restarted_meanwhile(self) -> None:
        again = reset(101, pm1_before=UNMAPPED, pm1_after=(UNMAPPED,), woken_before=True)
        assert diagnose(again).outcome is Outcome.RESTARTED_INSTEAD


class TestHung:
    def hung(self, share: float | None, **changes: Any) -> Observation:
        busy = () if share is None else works(share, REACTED)
        late = {"pm1_after": (LATCHED, STILL_LATCHED), "activity": busy}
        return obs(**{**NOT_THERE, **late, **changes})

    @pytest.mark.parametrize("share", [1.0, 0.0], ids=["spins", "halted"])
    @pytest.mark.parametrize("control", [ChannelState.SILENT, ChannelState.LOST, ChannelState.NONE])
    def test_a_press_that_stays_latched(self, share: float, control: ChannelState) -> None:
        hung = self.hung(share, control=control)
        assert found(hung) == (*HUNG, HIGH)
        assert is_conclusive(hung)

    @pytest.mark.parametrize(
        ("change", "confidence"),
        [
            ({"control": ChannelState.NONE}, LOW),
            ({"control": ChannelState.LOST}, MEDIUM),
            ({"control": ChannelState.REJECTED}, LOW),
            ({"control": ChannelState.NONE, "activity": ()}, MEDIUM),
            ({"activity": works(1.0, REACTED, ran=0.3)}, LOW),
            (
                {
                    "activity": works(1.0, REACTED),
                    "screens": screens((99.0, "a", False), (104.0, "b", False)),
                },
                LOW,
            ),
        ],
        ids=[
            "at work, nobody to ask",
            "at work, no answer any more",
            "at work, answers but refuses",
            "not measured",
            "starved by the host",
            "its screen goes on",
        ],
    )
    def test_doubt_where_it_may_live(self, change: dict[str, object], confidence: object) -> None:
        hung = self.hung(0.05, **change)
        assert found(hung) == (*HUNG, confidence)
        assert not is_conclusive(hung)

    def test_on_a_busy_host_it_is_certain_once_it_had_its_time(self) -> None:
        late = self.hung(1.0, activity=works(1.0, ran=0.3), ended_at=SPENT)
        assert found(late) == (*HUNG, HIGH)

    @pytest.mark.parametrize(
        "change",
        [
            {"pm1_after": (LATCHED, replace(LATCHED, at=102.9))},
            {"pm1_after": (LATCHED, replace(TAKEN, at=103.4))},
            {"pm1_before": UNARMED},
            {"run_state": RunState.PAUSED},
            {"control": ChannelState.ALIVE, "samples": obs().samples},
        ],
        ids=["too early", "taken late", "not armed before", "paused", "it answers"],
    )
    def test_not_without_proof(self, change: dict[str, object]) -> None:
        assert diagnose(self.hung(1.0, **change)).cause is not Cause.DAMAGED_SYSTEM
