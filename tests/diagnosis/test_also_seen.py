"""What else would harm a soft shutdown, though it did not decide this one."""

from __future__ import annotations

import pytest

from powerdown.core.outcome import Cause
from powerdown.diagnosis.also_seen import also_seen
from powerdown.diagnosis.diagnose import diagnose
from powerdown.shutdown.observation import ChannelState
from tests.support.observations import (
    HOLDER,
    LIT_UP,
    UPDATER,
    baseline,
    button,
    nobody,
    obs,
    powered_off,
)


@pytest.mark.parametrize(
    ("settings", "cause", "told"),
    [
        ({"button": button(0)}, Cause.POWER_BUTTON_IGNORED, "nothing"),
        ({"button": button(4)}, Cause.POWER_BUTTON_IGNORED, "display off"),
        ({"button": button(1)}, Cause.ASLEEP, "sleep"),
        ({"button": button(2)}, Cause.ASLEEP, "hibernate"),
        ({"fast_startup": True}, Cause.ASLEEP, "fast startup"),
        ({"update_markers": ("RebootPending", "x")}, Cause.WINDOWS_UPDATE, "RebootPending, x"),
        ({"preshutdown_ms": {HOLDER: 3_600_001}}, Cause.UNRESPONSIVE_SERVICE, "3600001 ms"),
        ({"wait_to_kill_service_ms": 20_001}, Cause.UNRESPONSIVE_SERVICE, "20001 ms"),
    ],
)
def test_a_setting_that_does_harm(settings: dict[str, object], cause: Cause, told: str) -> None:
    found = also_seen(obs(baseline=baseline(**settings)), Cause.NONE)
    assert [c for c, _ in found] == [cause]
    assert told in found[0][1]
    assert also_seen(obs(baseline=baseline(**settings)), cause) == ()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"button": None},
        {"button": button(9)},
        {"shutdown_without_logon": False},
        {"preshutdown_ms": {HOLDER: 3_600_000, UPDATER: 57_600_000, "stopped": 2_147_483_647}},
        {"update_markers": ("PendingFileRenameOperations",)},
        {"wait_to_kill_service_ms": 20_000},
        {"wait_to_kill_service_ms": None, "fast_startup": None},
    ],
)
def test_settings_that_do_none(settings: dict[str, object]) -> None:
    assert also_seen(obs(baseline=baseline(**settings)), Cause.NONE) == ()


def test_a_logon_screen_without_the_right_to_shut_down() -> None:
    forbidden = powered_off(105, baseline=nobody(shutdown_without_logon=False))
    assert [cause for cause, _ in diagnose(forbidden).also_seen] == [Cause.NO_LOGON_SHUTDOWN]


def test_a_dark_display() -> None:
    assert [c for c, _ in also_seen(obs(screens=LIT_UP), Cause.NONE)] == [Cause.ASLEEP]


def test_without_a_baseline_nothing_is_said() -> None:
    blind = obs(baseline=None, control=ChannelState.SILENT, screens=LIT_UP)
    assert also_seen(blind, Cause.NONE) == ()
