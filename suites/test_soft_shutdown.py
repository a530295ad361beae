"""Soft shutdown where nothing is in its way, and its close relatives.

What every other suite is measured against. A guest that fails here has a problem that
the failure scenarios explain.
"""

from __future__ import annotations

import pytest

from powerdown import RESTART, SHUT_DOWN, Cause, Expected, Outcome, Scenario

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)


@pytest.mark.powerdown_scenario("soft-shutdown", variant="control")
def test_press_completes(powerdown_scenario: Scenario) -> None:
    """A ready guest powers off when its button is pressed."""
    guest = powerdown_scenario.boot()
    powerdown_scenario.press(guest, "press", COMPLETED)


@pytest.mark.powerdown_scenario("soft-shutdown", variant="cold-control")
def test_press_completes_after_a_cold_boot(powerdown_scenario: Scenario) -> None:
    """The control for clones: some Windows builds shut down well only where they have booted.

    Known of a build that crashed at shutdown after a restore (cloud-hypervisor#3167). Where this
    passes and the control above does not, run with ``--powerdown-cold``.
    """
    guest = powerdown_scenario.boot(cold=True)
    powerdown_scenario.press(guest, "press", COMPLETED)


@pytest.mark.powerdown_scenario("soft-shutdown", variant="press-while-booting")
def test_press_while_booting_is_lost_and_harmless(powerdown_scenario: Scenario) -> None:
    """A press before the guest has armed its button is lost; a later one completes."""
    guest = powerdown_scenario.power_on()
    lost = Expected(Outcome.STAYED_UP, Cause.PRESS_LOST)
    powerdown_scenario.press(guest, "press in firmware", lost)
    powerdown_scenario.wait_until_ready(guest)
    powerdown_scenario.press(guest, "press when ready", COMPLETED)


@pytest.mark.powerdown_scenario("soft-shutdown", variant="second-press")
def test_second_press_changes_nothing(powerdown_scenario: Scenario) -> None:
    """An impatient second press during the shutdown neither stops nor restarts it."""
    guest = powerdown_scenario.boot()
    powerdown_scenario.press(guest, "press twice", COMPLETED, second_press=True)


@pytest.mark.powerdown_scenario("soft-shutdown", variant="shutdown-from-inside")
def test_shutdown_from_inside_completes(powerdown_scenario: Scenario) -> None:
    """``shutdown /s`` in the guest ends in the same power-off."""
    guest = powerdown_scenario.boot()
    powerdown_scenario.command_inside(guest, SHUT_DOWN, "shutdown /s", COMPLETED)


@pytest.mark.powerdown_scenario("soft-shutdown", variant="restart-from-inside")
def test_restart_from_inside_is_told_apart(powerdown_scenario: Scenario) -> None:
    """A restart is not taken for a shutdown, and the guest can be shut down after it."""
    guest = powerdown_scenario.boot()
    restarted = Expected(Outcome.RESTARTED_INSTEAD, Cause.RESTART_REQUESTED)
    powerdown_scenario.command_inside(guest, RESTART, "shutdown /r", restarted)
    powerdown_scenario.wait_until_ready(guest)
    powerdown_scenario.press(guest, "press after the restart", COMPLETED)
