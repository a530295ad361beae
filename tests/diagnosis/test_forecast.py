"""What a press would do, by a look alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from powerdown.cli.exit_status import forecast_status
from powerdown.core.outcome import Cause, Outcome
from powerdown.core.severity import Severity
from powerdown.diagnosis.forecast import Forecast, GuestState, forecast
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import ChannelState, Command, Observation
from powerdown.windows.power_button import PowerButton
from powerdown.windows.settings.stored_value import PowerSource
from tests.support.observations import (
    APP,
    ARMED,
    DESKTOP,
    HOLDER,
    LATCHED,
    LIT_UP,
    PLAIN,
    REACTED,
    STOPPING,
    UNARMED,
    UNMAPPED,
    WINDOWS_OWN,
    baseline,
    button,
    event,
    nobody,
    obs,
    service,
    works,
)


def sample(**changes: Any) -> Observation:
    """A look at a guest that is ready, of which everything is known."""
    values: dict[str, object] = {
        "command": Command.NOTHING,
        "pm1_after": (replace(ARMED, at=101.0),),
        "events": (),
        "samples": (),
        "baseline": baseline(processes=DESKTOP),
        **changes,
    }
    return obs(**values)


def from_outside(**changes: Any) -> Observation:
    return sample(**{"baseline": None, "control": ChannelState.NONE, **changes})


def found(told: Forecast) -> list[tuple[Severity, Cause]]:
    return [(finding.severity, finding.cause) for finding in told.findings]


def test_a_guest_that_nothing_speaks_against() -> None:
    told = forecast(sample())
    assert (told.state, told.expected) == (GuestState.READY, Outcome.COMPLETED)
    assert found(told) == []
    assert forecast_status(told) == 0
    # A look does not promise what it cannot see.
    assert any("interrupts" in line for line in told.unknown)
    assert any("services end in time" in line for line in told.unknown)


@pytest.mark.parametrize(
    ("changes", "state", "expected", "cause"),
    [
        ({"run_state": RunState.SUSPENDED}, GuestState.ASLEEP, Outcome.SUSPENDED, Cause.ASLEEP),
        (
            {"run_state": RunState.GUEST_PANICKED},
            GuestState.CRASHED,
            Outcome.CRASHED,
            Cause.DAMAGED_SYSTEM,
        ),
        ({"run_state": RunState.PAUSED}, GuestState.HELD, Outcome.HOST_FAULT, Cause.HOST_FAULT),
        ({"run_state": RunState.PRELAUNCH}, GuestState.HELD, Outcome.HOST_FAULT, Cause.HOST_FAULT),
        (
            {"run_state": RunState.WATCHDOG},
            GuestState.UNRESPONSIVE,
            Outcome.STAYED_UP,
            Cause.DAMAGED_SYSTEM,
        ),
        # A debugger, a migration or a snapshot has stopped it.
        ({"run_state": RunState.OTHER}, GuestState.HELD, Outcome.HOST_FAULT, Cause.HOST_FAULT),
        (
            {"run_state": RunState.IO_ERROR},
            GuestState.FAULTY,
            Outcome.HOST_FAULT,
            Cause.HOST_FAULT,
        ),
        (
            {"pm1_before": UNARMED, "pm1_after": (UNARMED,)},
            GuestState.NOT_ARMED,
            Outcome.STAYED_UP,
            Cause.PRESS_LOST,
        ),
        (
            {"pm1_before": UNMAPPED, "pm1_after": (UNMAPPED,)},
            GuestState.NOT_ARMED,
            Outcome.STAYED_UP,
            Cause.PRESS_LOST,
        ),
        (
            {"pm1_before": UNMAPPED, "pm1_after": (UNMAPPED,), "woken_before": True},
            GuestState.FAULTY,
            Outcome.HOST_FAULT,
            Cause.HOST_FAULT,
        ),
        (
            {"pm1_before": LATCHED, "pm1_after": (LATCHED,)},
            GuestState.UNRESPONSIVE,
            Outcome.STAYED_UP,
            Cause.DAMAGED_SYSTEM,
        ),
    ],
)
@pytest.mark.parametrize("view", [sample, from_outside])
def test_a_state_in_which_no_press_shuts_it_down(
    view: object, changes: dict[str, object], state: GuestState, expected: Outcome, cause: Cause
) -> None:
    told = forecast(view(**changes))  # type: ignore[operator]
    assert (told.state, told.expected) == (state, expected)
    assert found(told)[0] == (Severity.STOPS, cause)
    assert told.findings[0].remedy
    assert told.findings[0].evidence
    assert forecast_status(told) == 1


def test_a_press_that_was_just_taken_is_no_hang() -> None:
    told = forecast(sample(pm1_before=LATCHED))
    assert told.state is GuestState.READY


def test_it_armed_its_button_while_it_was_looked_at() -> None:
    assert forecast(sample(pm1_before=UNARMED)).state is GuestState.READY


def test_a_guest_that_is_off_already() -> None:
    for off in (
        sample(run_state=RunState.SHUTDOWN),
        sample(run_state=None, events=(event("SHUTDOWN", guest=True, reason="guest-shutdown"),)),
    ):
        told = forecast(off)
        assert (told.state, told.expected) == (GuestState.OFF, None)


def test_a_guest_that_could_not_be_seen() -> None:
    told = forecast(sample(run_state=None))
    assert (told.state, told.expected, forecast_status(told)) == (GuestState.UNKNOWN, None, 3)


def test_from_outside_it_cannot_be_told() -> None:
    told = forecast(from_outside())
    assert (told.state, told.expected) == (GuestState.READY, None)
    assert found(told) == []
    assert forecast_status(told) == 3


@pytest.mark.parametrize("control", [ChannelState.NONE, ChannelState.SILENT])
def test_busy_cpus_may_hang_or_work(control: ChannelState) -> None:
    told = forecast(from_outside(control=control, activity=works(1.0, REACTED)))
    assert (told.state, told.expected) == (GuestState.BUSY, None)
    assert found(told) == [(Severity.MAY_STOP, Cause.DAMAGED_SYSTEM)]
    assert ("control port" in told.findings[0].fact) == (control is ChannelState.SILENT)
    assert forecast_status(told) == 3


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3])
def test_an_idle_guest_is_not_suspected(share: float) -> None:
    assert forecast(sample(activity=works(share, REACTED))).state is GuestState.READY


@pytest.mark.parametrize(
    ("action", "cause", "expected"),
    [
        (0, Cause.POWER_BUTTON_IGNORED, Outcome.STAYED_UP),
        (4, Cause.POWER_BUTTON_IGNORED, Outcome.STAYED_UP),
        (1, Cause.ASLEEP, Outcome.SUSPENDED),
        (2, Cause.ASLEEP, Outcome.HIBERNATED),
    ],
)
def test_what_the_button_is_set_to(action: int, cause: Cause, expected: Outcome) -> None:
    told = forecast(sample(baseline=baseline(processes=DESKTOP, button=button(action))))
    assert told.expected is expected
    assert found(told) == [(Severity.STOPS, cause)]
    assert "powercfg" in told.findings[0].remedy
    assert forecast_status(told) == 1


def test_a_policy_is_named_as_the_place_where_the_button_is_set() -> None:
    shuts_down = {PowerSource.AC: 3, PowerSource.DC: 3}
    by_policy = PowerButton(shuts_down, {PowerSource.AC: 0})
    told = forecast(sample(baseline=baseline(button=by_policy)))
    assert told.expected is Outcome.STAYED_UP
    assert any("by policy" in evidence.fact for evidence in told.evidence)
    told = forecast(sample())
    assert any("by the active scheme" in evidence.fact for evidence in told.evidence)


@pytest.mark.parametrize("unread", [None, button(9)])
def test_a_button_that_could_not_be_read(unread: PowerButton | None) -> None:
    told = forecast(sample(baseline=baseline(button=unread)))
    assert (told.expected, forecast_status(told)) == (None, 3)


@pytest.mark.parametrize(
    ("settings", "severity", "cause"),
    [
        ({"fast_startup": True}, Severity.MAY_STOP, Cause.ASLEEP),
        ({"update_markers": ("RebootPending",)}, Severity.DELAYS, Cause.WINDOWS_UPDATE),
        ({"preshutdown_ms": {HOLDER: 3_600_001}}, Severity.DELAYS, Cause.UNRESPONSIVE_SERVICE),
        ({"wait_to_kill_service_ms": 20_001}, Severity.DELAYS, Cause.UNRESPONSIVE_SERVICE),
        ({"shutdown_without_logon": False}, Severity.LATENT, Cause.NO_LOGON_SHUTDOWN),
        ({"event_tracker": True}, Severity.LATENT, Cause.EVENT_TRACKER),
        ({"processes": WINDOWS_OWN[:3]}, Severity.STOPS, Cause.DAMAGED_SYSTEM),
        ({"services": (service(HOLDER, STOPPING), PLAIN)}, Severity.MAY_STOP, Cause.UNKNOWN),
    ],
)
def test_settings_and_states_that_threaten_it(
    settings: dict[str, object], severity: Severity, cause: Cause
) -> None:
    told = forecast(sample(baseline=baseline(**{"processes": DESKTOP, **settings})))
    assert found(told) == [(severity, cause)]
    status = {Severity.STOPS: 1, Severity.MAY_STOP: 3}.get(severity, 0)
    assert forecast_status(told) == status


def test_nobody_logged_on_and_no_right_to_shut_down() -> None:
    told = forecast(sample(baseline=nobody(shutdown_without_logon=False)))
    assert told.expected is Outcome.STAYED_UP
    assert found(told) == [(Severity.STOPS, Cause.NO_LOGON_SHUTDOWN)]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"console": nobody().console, "shutdown_without_logon": None}, False),
        ({"console": None, "shutdown_without_logon": None}, False),
        ({"console": None, "shutdown_without_logon": False}, False),
        ({"console": None, "shutdown_without_logon": True}, True),
        ({"shutdown_without_logon": None}, True),
    ],
)
def test_nothing_is_promised_where_the_logon_was_not_read(
    changes: dict[str, object], told: bool
) -> None:
    looked = forecast(sample(baseline=baseline(processes=DESKTOP, **changes)))
    assert (looked.expected is Outcome.COMPLETED) == told
    assert forecast_status(looked) == (0 if told else 3)


def test_a_dark_display_may_take_the_press_for_itself() -> None:
    told = forecast(sample(screens=LIT_UP[:1]))
    assert found(told) == [(Severity.MAY_STOP, Cause.ASLEEP)]
    assert told.expected is None


def test_what_the_screen_says_is_a_hint() -> None:
    told = forecast(from_outside(screen_text="Working on updates 30%"))
    assert found(told) == [(Severity.MAY_STOP, Cause.UNKNOWN)]
    told = forecast(
        sample(baseline=baseline(event_tracker=True), screen_text="Shutdown Event Tracker: why?")
    )
    assert found(told)[0] == (Severity.MAY_STOP, Cause.EVENT_TRACKER)


def test_the_worst_comes_first() -> None:
    everything = baseline(
        button=button(0),
        fast_startup=True,
        update_markers=("RebootPending",),
        event_tracker=True,
    )
    order = [severity for severity, _ in found(forecast(sample(baseline=everything)))]
    assert order == [Severity.STOPS, Severity.MAY_STOP, Severity.DELAYS, Severity.LATENT]


def test_programs_that_will_be_asked_are_named() -> None:
    told = forecast(sample(baseline=baseline(processes=(*DESKTOP, APP))))
    assert any("editor.exe" in line for line in told.unknown)


def test_a_hostile_service_name_stays_out_of_command_lines() -> None:
    name = "x & shutdown /r &"
    services = (service(name), PLAIN)
    told = forecast(sample(baseline=baseline(services=services, preshutdown_ms={name: 3_600_001})))
    (finding,) = (f for f in told.findings if f.cause is Cause.UNRESPONSIVE_SERVICE)
    assert "shutdown /r" not in finding.remedy
    assert "NAME" in finding.remedy
