from __future__ import annotations

from powerdown.machine.events import EventStream, named
from powerdown.machine.qemu.command_line import AGENT_PORT_ID
from powerdown.shutdown.observation import CONTROL_BACK, CONTROL_CLOSED
from powerdown.shutdown.port_watch import PortWatch


def change(events: EventStream, *, is_open: bool, port: str = AGENT_PORT_ID) -> float:
    return events.record("VSERPORT_CHANGE", {"id": port, "open": is_open}).at


def noted(events: EventStream) -> list[tuple[str, float]]:
    control = named(CONTROL_CLOSED, CONTROL_BACK)
    return [(event.name, event.at) for event in events.since() if control(event)]


def test_an_agent_that_goes_and_comes_back() -> None:
    events = EventStream()
    with PortWatch(events):
        closed = change(events, is_open=False)
        change(events, is_open=False)
        back = change(events, is_open=True)
        change(events, is_open=True)
    assert noted(events) == [(CONTROL_CLOSED, closed), (CONTROL_BACK, back)]


def test_whoever_sees_the_power_off_sees_what_came_before_it() -> None:
    events = EventStream()
    obs: list[list[str]] = []
    off = named("SHUTDOWN")

    def look(event: object) -> None:
        if events.first(off):
            obs.append([event.name for event in events.since()])

    events.subscribe(look)
    with PortWatch(events):
        change(events, is_open=False)
        events.record("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
    assert obs == [["VSERPORT_CHANGE", CONTROL_CLOSED, "SHUTDOWN"]]


def test_other_ports_and_other_times_do_not_count() -> None:
    events = EventStream()
    change(events, is_open=False)
    with PortWatch(events):
        change(events, is_open=True)
        change(events, is_open=False, port="com.redhat.spice.0")
    change(events, is_open=False)
    assert noted(events) == []
