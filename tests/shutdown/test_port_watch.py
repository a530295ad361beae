from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from harness.deadline import Deadline
from harness.machine.command_line import AGENT_PORT_ID
from harness.machine.events import PROCESS_EXIT, EventStream, named
from harness.shutdown.observation import CONTROL_BACK, CONTROL_CLOSED
from harness.shutdown.port_watch import PortWatch

PATIENCE = 10.0


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """It ends by itself soon after the watch was left."""
    yield
    for thread in threading.enumerate():
        if thread.name == "port-watch":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def change(events: EventStream, *, is_open: bool, port: str = AGENT_PORT_ID) -> float:
    return events.record("VSERPORT_CHANGE", {"id": port, "open": is_open}).at


def noted(events: EventStream) -> list[tuple[str, float]]:
    control = named(CONTROL_CLOSED, CONTROL_BACK)
    return [(event.name, event.at) for event in events.since() if control(event)]


def expect(events: EventStream, name: str) -> None:
    assert events.wait(named(name), Deadline.after(PATIENCE)) is not None


def test_the_end_of_the_agent_is_noted_when_it_happened() -> None:
    events = EventStream()
    with PortWatch(events):
        at = change(events, is_open=False)
        expect(events, CONTROL_CLOSED)
    assert noted(events) == [(CONTROL_CLOSED, at)]


def test_an_agent_that_comes_back() -> None:
    events = EventStream()
    with PortWatch(events):
        closed = change(events, is_open=False)
        expect(events, CONTROL_CLOSED)
        back = change(events, is_open=True)
        expect(events, CONTROL_BACK)
    assert noted(events) == [(CONTROL_CLOSED, closed), (CONTROL_BACK, back)]


def test_what_a_power_off_brings_is_noted_before_the_watch_is_left() -> None:
    events = EventStream()
    with PortWatch(events):
        at = change(events, is_open=False)
        events.record("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
        expect(events, CONTROL_CLOSED)
    assert noted(events) == [(CONTROL_CLOSED, at)]


def test_a_reset_closes_the_port_and_says_nothing_of_the_services() -> None:
    events = EventStream()
    with PortWatch(events):
        change(events, is_open=False)
        events.record("RESET", {"guest": True, "reason": "guest-reset"})
        at = change(events, is_open=True)
        closed = change(events, is_open=False)
        expect(events, CONTROL_CLOSED)
    assert noted(events) == [(CONTROL_CLOSED, closed)]
    assert closed > at


def test_going_to_sleep_closes_the_port_and_ends_no_service() -> None:
    events = EventStream()
    with PortWatch(events):
        change(events, is_open=False)
        expect(events, CONTROL_CLOSED)
        asleep = events.record("SUSPEND").at
        expect(events, CONTROL_BACK)
        change(events, is_open=True)
        closed = change(events, is_open=False)
        deadline = Deadline.after(PATIENCE)
        events.wait(lambda e: e.name == CONTROL_CLOSED and e.at >= closed, deadline)
    assert noted(events)[1:] == [(CONTROL_BACK, asleep), (CONTROL_CLOSED, closed)]


def test_other_ports_and_what_was_before_do_not_count() -> None:
    events = EventStream()
    change(events, is_open=False)
    with PortWatch(events):
        change(events, is_open=False, port="com.redhat.spice.0")
        events.record(PROCESS_EXIT, {"status": 0})
    assert noted(events) == []


def test_a_guest_that_never_stops_does_not_fill_the_record() -> None:
    events = EventStream(most_of_a_name=10_000)
    with PortWatch(events):
        for _ in range(500):
            change(events, is_open=False)
            change(events, is_open=True)
        for thread in threading.enumerate():
            if thread.name == "port-watch":
                thread.join(PATIENCE)
    assert 0 < len(noted(events)) <= 100


def test_watching_counts_as_nobodys_waiting() -> None:
    events = EventStream()
    waited: list[float] = []
    events.on_waited = lambda start, end: waited.append(end - start)
    with PortWatch(events):
        pass
    events.record(PROCESS_EXIT, {"status": 0})
    assert waited == []
