"""Soft shutdown where nothing is in its way, and its close relatives.

What every other suite is measured against. A guest that fails here has a problem that
the failure scenarios explain.
"""

from __future__ import annotations

import pytest

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.scenario.scenario import Scenario
from powerdown.windows import commands

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)


@pytest.mark.scenario("soft-shutdown", variant="control")
def test_press_completes(scenario: Scenario) -> None:
    """A ready guest powers off when its button is pressed."""
    guest = scenario.boot()
    scenario.press(guest, "press", COMPLETED)


@pytest.mark.scenario("soft-shutdown", variant="cold-control")
def test_press_completes_after_a_cold_boot(scenario: Scenario) -> None:
    """The control for clones: some Windows builds shut down well only where they have booted.

    Known of a build that crashed at shutdown after a restore (cloud-hypervisor#3167). Where this
    passes and the control above does not, run with ``--cold``.
    """
    guest = scenario.boot(cold=True)
    scenario.press(guest, "press", COMPLETED)


@pytest.mark.scenario("soft-shutdown", variant="press-while-booting")
def test_press_while_booting_is_lost_and_harmless(scenario: Scenario) -> None:
    """A press before the guest has armed its button is lost; a later one completes."""
    guest = scenario.power_on()
    lost = Expected(Outcome.STAYED_UP, Cause.PRESS_LOST)
    scenario.press(guest, "press in firmware", lost)
    scenario.wait_until_ready(guest)
    scenario.press(guest, "press when ready", COMPLETED)


@pytest.mark.scenario("soft-shutdown", variant="second-press")
def test_second_press_changes_nothing(scenario: Scenario) -> None:
    """An impatient second press during the shutdown neither stops nor restarts it."""
    guest = scenario.boot()
    scenario.press(guest, "press twice", COMPLETED, second_press=True)


@pytest.mark.scenario("soft-shutdown", variant="shutdown-from-inside")
def test_shutdown_from_inside_completes(scenario: Scenario) -> None:
    """``shutdown /s`` in the guest ends in the same power-off."""
    guest = scenario.boot()
    scenario.command_inside(guest, commands.SHUT_DOWN, "shutdown /s", COMPLETED)


@pytest.mark.scenario("soft-shutdown", variant="restart-from-inside")
def test_restart_from_inside_is_told_apart(scenario: Scenario) -> None:
    """A restart is not taken for a shutdown, and the guest can be shut down after it."""
    guest = scenario.boot()
    restarted = Expected(Outcome.RESTARTED_INSTEAD, Cause.RESTART_REQUESTED)
    scenario.command_inside(guest, commands.RESTART, "shutdown /r", restarted)
    scenario.wait_until_ready(guest)
    scenario.press(guest, "press after the restart", COMPLETED)
