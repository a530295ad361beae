"""The five steps under way, drawn and in plain lines."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from powerdown.cli.live_steps import StepRow, StepState, step_rows
from powerdown.cli.live_view import LiveView
from powerdown.machine.events import PROCESS_EXIT, EventStream
from powerdown.machine.protocol import RunState
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.timeline import Step
from tests.support.observations import (
    APP,
    ARMED,
    BUDGETS,
    BY_BUTTON,
    DESKTOP,
    LATCHED,
    PRESSED,
    UNARMED,
    UPDATER,
    closed,
    event,
    obs,
    powered_off,
    preparing,
    sample,
    under_way,
)

PENDING, RUNNING, DONE, NOT_SEEN = StepState


def states(rows: tuple[StepRow, ...]) -> list[StepState]:
    return [row.state for row in rows]


def detail(rows: tuple[StepRow, ...], step: Step) -> str:
    return next(row.detail for row in rows if row.step is step)


def test_a_press_that_is_latched() -> None:
    rows = step_rows(obs(pm1_after=(LATCHED,), samples=()))
    assert states(rows) == [DONE, RUNNING, PENDING, PENDING, PENDING]
    assert "latched" in detail(rows, Step.ACPI)


def test_a_press_that_was_dropped() -> None:
    rows = step_rows(obs(pm1_before=UNARMED, pm1_after=(UNARMED,), samples=(), baseline=None))
    assert rows[1].state is RUNNING
    assert "not armed" in rows[1].detail


def test_a_guest_that_sleeps() -> None:
    rows = step_rows(obs(pm1_after=(LATCHED,), run_state=RunState.SUSPENDED, samples=()))
    assert "asleep" in detail(rows, Step.ACPI)


@pytest.mark.parametrize(
    ("observed", "waiting_for"),
    [
        (obs(baseline=None, samples=()), "visible from outside"),
        (obs(samples=()), "first answer"),
        (obs(), "has none yet"),
        (under_way(sample(110.0, BY_BUTTON, processes=(*DESKTOP, APP))), APP.name),
        (under_way(*preparing((110.0,), UPDATER)), f"waiting for services: {UPDATER}"),
    ],
)
def test_what_is_waited_for_once_the_press_was_taken(
    observed: Observation, waiting_for: str
) -> None:
    rows = step_rows(observed)
    assert states(rows) == [DONE, DONE, RUNNING, PENDING, PENDING]
    assert waiting_for in detail(rows, Step.APPLICATIONS)


def test_core_services_and_the_end() -> None:
    going = under_way(events=(event("POWERDOWN", PRESSED), closed(105.0)), ended_at=106.0)
    rows = step_rows(going)
    assert states(rows) == [DONE, DONE, DONE, RUNNING, PENDING]
    assert rows[3].seconds == pytest.approx(1.0)
    off = powered_off(107.0, event("POWERDOWN", PRESSED), closed(105.0))
    rows = step_rows(off)
    assert states(rows) == [DONE] * 5
    assert states(step_rows(off, over=True)) == [DONE] * 5


def test_what_was_not_seen_in_the_end() -> None:
    rows = step_rows(obs(), over=True)
    assert states(rows) == [DONE, DONE, NOT_SEEN, NOT_SEEN, NOT_SEEN]


def test_a_power_cut_is_no_step_of_the_guests() -> None:
    cut = event("SHUTDOWN", 103.0, guest=False, reason="host-qmp-quit")
    rows = step_rows(obs(events=(event("POWERDOWN", PRESSED), cut, event(PROCESS_EXIT, 103.1))))
    assert states(rows) == [DONE, DONE, RUNNING, PENDING, PENDING]


def view(out: io.StringIO, events: EventStream, *, drawn: bool) -> LiveView:
    return LiveView(out, "win\x1b[2J", events, BUDGETS, drawn=drawn)


def test_plain_lines_tell_each_change_once() -> None:
    out, events = io.StringIO(), EventStream()
    with view(out, events, drawn=False) as shown:
        pressed = events.record("POWERDOWN")
        watched = Observation(
            Command.PRESS,
            pressed.at,
            pressed.at,
            BUDGETS,
            pm1_before=replace(ARMED, at=pressed.at),
            pm1_after=(replace(ARMED, at=pressed.at),),
        )
        shown.update(watched)
        shown.note("still up")
        off = events.record("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
        events.record(PROCESS_EXIT)
        shown.finish(replace(watched, events=events.since(pressed.at), ended_at=off.at))
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert sum("1 command" in line and "done" in line for line in lines) == 1
    assert sum("5 power off" in line and "done" in line for line in lines) == 1
    assert any("still up" in line for line in lines)


def test_a_drawing_is_drawn_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    out, events = io.StringIO(), EventStream()
    with view(out, events, drawn=True) as shown:
        shown.finish(obs())
    frames = out.getvalue().split("\x1b[6A")
    assert len(frames) > 2
    for frame in frames:
        assert frame.count("\n") == 6
        plain_lines = frame.replace("\r\x1b[2K", "").splitlines()
        assert all(len(line) < 60 for line in plain_lines)
    # What the guest calls itself clears no screen.
    assert "\x1b[2J" not in out.getvalue()
    assert r"win\x1b[2J" in out.getvalue()


def test_wide_characters_are_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "41")
    out = io.StringIO()
    with LiveView(out, "更新" * 40, EventStream(), BUDGETS, drawn=True):
        pass
    head = out.getvalue().split("\r\x1b[2K")[1].splitlines()[0]
    assert head == "更新" * 10


def test_it_stops_with_the_block_whatever_happens() -> None:
    out, events = io.StringIO(), EventStream()
    with pytest.raises(KeyboardInterrupt), view(out, events, drawn=True) as shown:
        raise KeyboardInterrupt
    assert not shown._thread.is_alive()
    assert out.getvalue().endswith("\n")
