from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import ControlChannelError
from powerdown.guest.guest_time import GuestTime, TimedChannel, union_seconds
from tests.support.fake_machine import ScriptedChannel

intervals = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(
        lambda pair: (float(min(pair)), float(max(pair)))
    )
)


@given(intervals)
def test_a_second_counts_once_however_many_intervals_cover_it(
    given_intervals: list[tuple[float, float]],
) -> None:
    covered = {s for start, end in given_intervals for s in range(int(start), int(end))}
    assert union_seconds(given_intervals) == len(covered)


@given(intervals)
def test_the_order_does_not_matter(given_intervals: list[tuple[float, float]]) -> None:
    assert union_seconds(given_intervals) == union_seconds(reversed(given_intervals))


def test_taken_time_is_not_counted_again() -> None:
    time = GuestTime()
    time.add(1.0, 4.0)
    time.add(2.0, 5.0)
    assert time.take() == 4.0
    assert time.take() == 0.0


def test_of_what_began_before_it_was_taken_only_the_rest_counts() -> None:
    """A watch in another thread may hear from its guest after the stage it belongs to."""
    time, begun = GuestTime(), now()
    time.take()
    taken = now()
    time.add(begun - 100.0, taken + 2.0)
    time.add(begun - 100.0, begun - 50.0)
    assert time.take() == pytest.approx(2.0, abs=0.5)


def test_a_block_counts_also_when_it_fails() -> None:
    time = GuestTime()
    with pytest.raises(KeyError), time.counted():
        raise KeyError
    assert time.take() > 0


def test_answers_are_waited_for_on_the_guests_account() -> None:
    time, scripted = GuestTime(), ScriptedChannel({"ver": "Windows"})
    channel = TimedChannel(scripted, time)
    assert channel.run("ver", Deadline.after(1)).checked().output == "Windows"
    assert time.take() > 0
    assert channel.answers(Deadline.after(1))
    assert time.take() > 0
    channel.close()
    assert not channel.answers(Deadline.after(1))
    time.take()
    with pytest.raises(ControlChannelError):
        channel.run("ver", Deadline.after(1))
    assert time.take() > 0
