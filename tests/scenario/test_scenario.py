"""The vocabulary of suites, with real guests of one boot sector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.core.errors import NotOnThisGuest, PowerdownError
from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.guest.windows import Windows
from powerdown.scenario.expectation import UnexpectedVerdict
from powerdown.scenario.recorder import SharedStages
from powerdown.shutdown.observation import Command
from tests.support.boot_sector import HUNG, IGNORING, OBEDIENT, UNARMED
from tests.support.boot_sector_scenarios import Open, boot_sector_scenarios
from tests.support.fake_machine import ScriptedChannel

pytestmark = pytest.mark.guest

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)
FORCED = Expected(Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN)
PRESS_LOST = Expected(Outcome.STAYED_UP, Cause.PRESS_LOST)


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Open]:
    with boot_sector_scenarios(tmp_path) as of:
        yield of


def test_a_press_as_expected_is_a_stage_with_its_files(scenario: Open, tmp_path: Path) -> None:
    open_scenario = scenario(OBEDIENT)
    guest = open_scenario.boot()
    verdict = open_scenario.press(guest, "Press: 1st!", COMPLETED)
    boot, press = open_scenario.stages
    assert (press.name, press.expected, press.diagnosed) == ("Press: 1st!", COMPLETED, verdict)
    assert press.commanded_at is not None
    assert press.guest_seconds > 0
    assert boot.harness_seconds > 0
    assert press.verdict_delay is not None
    assert press.verdict_delay < 0.2, "20 ms on a quiet host"
    open_scenario.close()
    evidence = json.loads((tmp_path / "artifacts" / "01-press-1st.json").read_text())
    assert evidence["outcome"] == "completed"
    assert (tmp_path / "artifacts" / "01-press-1st.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "artifacts" / "01-press-1st.qmp.jsonl").stat().st_size > 0
    # There is no screen of a guest that is off.
    assert not (tmp_path / "artifacts" / "01-press-1st.screen.png").exists()


def test_another_verdict_fails_the_test_and_is_still_a_stage(
    scenario: Open, tmp_path: Path
) -> None:
    open_scenario = scenario(IGNORING)
    guest = open_scenario.boot()
    with pytest.raises(UnexpectedVerdict) as failed:
        open_scenario.press(guest, "press", COMPLETED)
    message = str(failed.value)
    assert message.startswith("press: expected completed (none), diagnosed inconclusive")
    assert "acpi: " in message
    assert "remedy: " in message
    assert not open_scenario.stages[-1].as_expected
    open_scenario.close()
    assert (tmp_path / "artifacts" / "01-press.screen.png").exists()


def test_the_outcome_alone_is_not_enough(scenario: Open) -> None:
    open_scenario = scenario(UNARMED)
    guest = open_scenario.power_on()
    assert open_scenario.stages == ()
    ignored = Expected(Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED)
    with pytest.raises(UnexpectedVerdict, match="because of press-lost"):
        open_scenario.press(guest, "press", ignored)
    open_scenario.press(guest, "press", PRESS_LOST)


def test_an_attempt_is_also_judged_from_outside(scenario: Open) -> None:
    open_scenario = scenario(UNARMED)
    guest = open_scenario.power_on()
    guest.windows = Windows(ScriptedChannel({}))
    open_scenario.press(guest, "press", PRESS_LOST)
    (press,) = open_scenario.stages
    assert press.diagnosed is not None
    assert press.diagnosed_outside is not None
    assert press.diagnosed_outside.cause is Cause.PRESS_LOST
    assert not press.degraded


def test_without_the_inside_doubt_is_right_and_a_wrong_sure_verdict_is_not(
    scenario: Open,
) -> None:
    open_scenario = scenario(IGNORING)
    guest = open_scenario.boot()
    ignored = Expected(Outcome.STAYED_UP, Cause.POWER_BUTTON_IGNORED)
    channel = ScriptedChannel({})
    guest.windows = Windows(channel)
    verdict = open_scenario.press(guest, "press", ignored, agentless=True)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert channel.commands == []
    assert open_scenario.stages[-1].degraded
    assert open_scenario.stages[-1].expected == ignored
    unarmed = scenario(UNARMED)
    lost = unarmed.power_on()
    with pytest.raises(UnexpectedVerdict, match="because of press-lost"):
        unarmed.press(lost, "press", ignored, degraded=True)


@pytest.mark.parametrize("way", [Command.QUIT, Command.KILL, Command.RESET])
def test_a_guest_that_was_cut_off_boots_again(scenario: Open, way: Command) -> None:
    open_scenario = scenario(OBEDIENT)
    guest = open_scenario.boot()
    open_scenario.cut_power(guest, way, FORCED)
    again = open_scenario.boot_again(guest)
    assert (again is guest) == (way is Command.RESET)
    assert again.machine.overlay == guest.machine.overlay
    open_scenario.press(again, "press", COMPLETED)
    names = [stage.name for stage in open_scenario.stages]
    assert names == ["boot", str(way), "boot", "press"]


def test_guests_of_one_scenario_have_disks_of_their_own(scenario: Open) -> None:
    open_scenario = scenario(HUNG)
    guests = [open_scenario.power_on() for _ in range(2)]
    overlays = {guest.machine.overlay for guest in guests}
    assert len(overlays) == 2
    open_scenario.close()
    assert [guest.machine.pid for guest in guests] == [None, None]
    assert not any(overlay.exists() for overlay in overlays)
    open_scenario.close()


def test_a_guest_that_does_not_get_ready_leaves_its_screen(scenario: Open, tmp_path: Path) -> None:
    open_scenario = scenario(UNARMED)
    guest = open_scenario.power_on()
    image = guest.machine.image
    hurried = replace(image, budgets=replace(image.budgets, boot=0.2))
    guest.machine._image = hurried  # type: ignore[attr-defined]
    with pytest.raises(PowerdownError, match="arm its power button"):
        open_scenario.wait_until_ready(guest)
    open_scenario.close()
    assert (tmp_path / "artifacts" / "00-not-ready.screen.png").exists()
    assert open_scenario.stages == ()


def test_without_a_channel_the_inside_is_skipped(scenario: Open) -> None:
    open_scenario = scenario(HUNG)
    guest = open_scenario.boot()
    for ask in (
        lambda: guest.expect_windows(),
        lambda: open_scenario.command_inside(guest, "shutdown /s", "inside", COMPLETED),
        lambda: open_scenario.diagnose_previous_stop(guest, COMPLETED),
    ):
        with pytest.raises(
            NotOnThisGuest, match="boot-sector from inside: its image defines no control channel"
        ):
            ask()


def test_the_previous_stop_is_judged_by_the_next_start(scenario: Open) -> None:
    open_scenario = scenario(HUNG)
    guest = open_scenario.boot()
    # Nothing recorded: no verdict may be made up.
    guest.windows = Windows(ScriptedChannel({"wevtutil": ""}))
    with pytest.raises(UnexpectedVerdict, match=r"next start: expected forced-off"):
        open_scenario.diagnose_previous_stop(guest, FORCED)
    assert open_scenario.stages[-1].name == "next start"


def test_shared_stages_are_taken_over_and_their_time_counted_once(scenario: Open) -> None:
    first, second, third = scenario(HUNG), scenario(HUNG), scenario(HUNG)
    first.boot()
    shared = SharedStages(first.stages)
    second.adopt(shared, {"ntfs_dirty": True})
    third.adopt(shared, {"document": None})
    assert [stage.name for stage in second.stages] == ["boot", "aftermath"]
    assert second.stages[0] == first.stages[0]
    assert [stage.name for stage in third.stages] == ["boot", "aftermath"]
    assert sum(stage.guest_seconds + stage.harness_seconds for stage in third.stages) == 0
    assert third.stages[-1].facts == {"document": None}
