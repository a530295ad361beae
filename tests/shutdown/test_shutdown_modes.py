"""A guest asked to shut down in libvirt's modes, with guests that follow scripts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from powerdown.core.deadline import now
from powerdown.images.image import ControlConfig, Transport, WinrmAuthentication
from powerdown.machine.shutdown_mode import ShutdownMode
from powerdown.shutdown.observation import Command
from powerdown.shutdown.shutdown_modes import shut_down_by
from tests.support.fake_machine import ARMED, IMAGE, ScriptedMachine

AGENT = ControlConfig(Transport.GUEST_AGENT, 0, WinrmAuthentication.BASIC, None)


class Asked(ScriptedMachine):
    """A machine of libvirt's: what it was asked for, and whether its agent does it."""

    agent_works = True

    def ask_to_shut_down(self, mode: ShutdownMode) -> float:
        self.mode = mode
        has_agent = self.image.control.transport is Transport.GUEST_AGENT
        by_agent = mode is not ShutdownMode.ACPI and has_agent and self.agent_works
        if not by_agent:
            return self.press_power_button()
        at = now()
        self.power_off()
        return at


def machine(control: ControlConfig = IMAGE.control) -> Asked:
    return Asked([ARMED], on_press=ScriptedMachine.power_off, image=replace(IMAGE, control=control))


@pytest.mark.parametrize("mode", [ShutdownMode.ACPI, ShutdownMode.DEFAULT])
def test_without_an_agent_it_is_a_press(mode: ShutdownMode) -> None:
    guest = machine()
    obs = shut_down_by(guest, None, mode)  # type: ignore[arg-type]
    assert (guest.mode, guest.presses, obs.command) == (mode, 1, Command.PRESS)
    assert obs.pm1_before is not None
    assert obs.event("SHUTDOWN") is not None


@pytest.mark.parametrize("mode", [ShutdownMode.AGENT, ShutdownMode.DEFAULT])
def test_the_agent_is_a_command_inside(mode: ShutdownMode) -> None:
    guest = machine(AGENT)
    obs = shut_down_by(guest, None, mode)  # type: ignore[arg-type]
    assert (guest.mode, guest.presses, obs.command) == (mode, 0, Command.INSIDE)
    assert obs.event("SHUTDOWN") is not None


def test_where_the_agent_fails_libvirt_presses_after_all() -> None:
    guest = machine(AGENT)
    guest.agent_works = False
    obs = shut_down_by(guest, None, ShutdownMode.DEFAULT)  # type: ignore[arg-type]
    assert (guest.presses, obs.command) == (1, Command.PRESS)
    assert obs.pm1_before is not None
