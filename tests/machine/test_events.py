"""The stream of events: what it keeps of a guest that causes them for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline, now
from powerdown.machine.events import PROCESS_EXIT, EventStream, HostEvent, named


def storm(stream: EventStream, events: int) -> None:
    for number in range(events):
        stream.append(HostEvent(float(number), "RESET", {"number": number}))


def test_of_a_storm_the_first_and_the_latest_are_kept_and_the_rest_is_counted() -> None:
    stream = EventStream(most_of_a_name=6)
    storm(stream, 1000)
    assert [event.data["number"] for event in stream.since()] == [0, 1, 2, 997, 998, 999]
    assert stream.forgotten == {"RESET": 994}


def test_a_storm_hides_no_other_event() -> None:
    stream = EventStream(most_of_a_name=4)
    stream.append(HostEvent(0.0, "POWERDOWN"))
    storm(stream, 1000)
    stream.append(HostEvent(1000.0, "SHUTDOWN"))
    storm(stream, 10)
    stream.append(HostEvent(2000.0, PROCESS_EXIT, {"status": 0}))
    names = [event.name for event in stream.since()]
    assert names == ["POWERDOWN", "RESET", "RESET", "SHUTDOWN", "RESET", "RESET", PROCESS_EXIT]
    assert stream.first(named("SHUTDOWN")) is not None
    assert stream.exit is not None


def test_one_that_comes_during_a_storm_is_waited_for() -> None:
    stream = EventStream(most_of_a_name=4)
    storm(stream, 1000)
    found = stream.wait(named("RESET"), Deadline.after(0), since=999.0)
    assert found is not None
    assert found.data["number"] == 999


def test_nothing_follows_the_end() -> None:
    stream = EventStream()
    stream.record(PROCESS_EXIT, {"status": 0})
    storm(stream, 3)
    assert [event.name for event in stream.since()] == [PROCESS_EXIT]
    assert stream.forgotten == {}


@given(st.lists(st.sampled_from("ABC"), max_size=60))
def test_order_stays_and_none_is_unaccounted_for(names: list[str]) -> None:
    stream = EventStream(most_of_a_name=6)
    for number, name in enumerate(names):
        stream.append(HostEvent(float(number), name))
    kept = stream.since()
    assert [event.at for event in kept] == sorted(event.at for event in kept)
    for name in "ABC":
        of_it = [event for event in kept if event.name == name]
        assert len(of_it) <= 6
        assert len(of_it) + stream.forgotten.get(name, 0) == names.count(name)


def test_waiting_is_told_whether_it_was_in_vain_or_not() -> None:
    stream, waited = EventStream(), []
    stream.on_waited = lambda start, end: waited.append((start, end))
    begun = now()
    assert stream.wait(named("SHUTDOWN"), Deadline.after(0.05)) is None
    stream.record("SHUTDOWN")
    assert stream.wait(named("SHUTDOWN"), Deadline.after(10)) is not None
    (first, second), ended = waited, now()
    assert first[1] - first[0] >= 0.05
    assert begun <= first[0] <= first[1] <= second[0] <= second[1] <= ended


def test_listeners_hear_what_comes_after_them() -> None:
    events = EventStream()
    heard: list[str] = []
    events.record("RESET")
    events.subscribe(lambda event: heard.append(event.name))
    events.record("STOP")
    # They may look and wait: what they hear of is there already.
    events.subscribe(lambda event: heard.append(str(events.since()[-1] is event)))
    events.record(PROCESS_EXIT, {"status": 0})
    events.record("RESUME")
    assert heard == ["STOP", PROCESS_EXIT, "True"]


def test_a_listener_that_was_told_no_more() -> None:
    events = EventStream()
    heard: list[str] = []

    def hear(event: HostEvent) -> None:
        heard.append(event.name)

    events.subscribe(hear)
    events.record("STOP")
    events.unsubscribe(hear)
    events.record("RESUME")
    assert heard == ["STOP"]
