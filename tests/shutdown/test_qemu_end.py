"""QEMU's end after its guest's, which no verdict waits for."""

from __future__ import annotations

import threading

import pytest

from powerdown.core.deadline import now
from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.diagnose import diagnose
from powerdown.machine.events import PROCESS_EXIT
from powerdown.shutdown import qemu_end
from powerdown.shutdown.observation import QEMU_LINGERS, Observation
from powerdown.shutdown.qemu_end import with_qemu_end
from powerdown.shutdown.soft_shutdown import press_power_button
from tests.support.fake_machine import ARMED, ScriptedMachine


def press(machine: ScriptedMachine) -> Observation:
    return press_power_button(machine, None)


def only_shutdown(machine: ScriptedMachine) -> None:
    machine.events.record("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})


@pytest.mark.parametrize("status", [0, -11])
def test_a_verdict_is_there_before_qemu_has_ended_and_its_end_is_told(status: int) -> None:
    machine = ScriptedMachine([ARMED], on_press=only_shutdown)
    begun = now()
    obs = press(machine)
    assert now() - begun < machine.image.budgets.shutdown_hard
    assert obs.exit is None
    assert obs.run_state is None
    early = diagnose(obs)
    assert early.outcome is Outcome.COMPLETED
    ending = threading.Timer(0.05, machine.events.record, (PROCESS_EXIT, {"status": status}))
    ending.start()
    whole = with_qemu_end(obs, machine)
    ending.join()
    assert whole.exit is not None
    late = diagnose(whole)
    assert (late.outcome, late.cause, late.confidence) == (
        early.outcome,
        early.cause,
        early.confidence,
    )
    blamed = [fact for cause, fact in late.also_seen if cause is Cause.HOST_FAULT]
    assert blamed == ([] if status == 0 else ["QEMU ended with status -11 after the power was off"])


def test_a_qemu_that_lingers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu_end, "_SECONDS", 0.05)
    machine = ScriptedMachine([ARMED], on_press=only_shutdown)
    obs = with_qemu_end(press(machine), machine)
    assert [event.name for event in obs.events] == ["POWERDOWN", "SHUTDOWN", QEMU_LINGERS]
    verdict = diagnose(obs)
    assert verdict.outcome is Outcome.COMPLETED
    assert (Cause.HOST_FAULT, "QEMU did not end after the power was off") in verdict.also_seen


def test_a_guest_that_is_still_on_is_not_waited_for() -> None:
    machine = ScriptedMachine([ARMED])
    obs = press_power_button(machine, None, is_conclusive=lambda obs: True)
    begun = now()
    assert with_qemu_end(obs, machine) is obs
    assert now() - begun < 1.0
