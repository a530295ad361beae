from __future__ import annotations

import pytest

from powerdown.core.errors import DeadlineExpired
from powerdown.core.outcome import Outcome
from powerdown.diagnosis.diagnose import diagnose
from powerdown.machine.protocol import RunState
from powerdown.shutdown import forced_shutdown
from powerdown.shutdown.forced_shutdown import FORCED_COMMANDS, cut_power
from powerdown.shutdown.observation import Command
from powerdown.shutdown.phases import timeline_of
from powerdown.shutdown.timeline import Step
from tests.support.fake_machine import ARMED, ScriptedMachine


@pytest.mark.parametrize("way", FORCED_COMMANDS)
def test_each_way_is_diagnosed_as_forced(way: Command) -> None:
    obs = cut_power(ScriptedMachine([ARMED]), way)
    assert diagnose(obs).outcome is Outcome.FORCED_OFF
    assert timeline_of(obs).phases[0].step is Step.COMMAND


def test_after_a_reset_the_machine_waits_so_that_its_disk_can_be_read() -> None:
    machine = ScriptedMachine([ARMED])
    obs = cut_power(machine, Command.RESET)
    assert machine.state is RunState.PAUSED
    assert obs.run_state is RunState.PAUSED


def test_power_that_does_not_go_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn(ScriptedMachine):
        def quit(self, deadline: object) -> None:
            pass

    monkeypatch.setattr(forced_shutdown, "_CUT_SECONDS", 0.05)
    with pytest.raises(DeadlineExpired, match="QEMU goes on"):
        cut_power(Stubborn([ARMED]), Command.QUIT)


def test_a_press_forces_nothing() -> None:
    with pytest.raises(ValueError, match="does not force"):
        cut_power(ScriptedMachine([ARMED]), Command.PRESS)
