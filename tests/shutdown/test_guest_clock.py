from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.guest.guest_sample import GuestSample
from powerdown.shutdown.guest_clock import guest_clock
from powerdown.windows.event_records import EventRecord

BOOTED = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
"""The guest's clock at 0 s on the host's."""


def written(number: int, at: float, event_id: int = 1074) -> EventRecord:
    """A record written at a moment of the host's clock, by a guest that is an hour off."""
    created = datetime.fromtimestamp(BOOTED + 3600 + at, UTC)
    return EventRecord(number, "User32", event_id, created, {})


def test_the_clock_is_known_as_well_as_the_guest_was_quick() -> None:
    first, last = written(8, 100.1), written(9, 104.8, 6006)
    clock = guest_clock([first, last], [], untaken_until=100.0, off_at=105.0)
    assert clock is not None
    begun, ended = clock.moment(first.created), clock.moment(last.created)
    assert begun.earliest <= 100.1 <= begun.latest
    assert ended.earliest <= 104.8 <= ended.latest
    assert begun.doubt == pytest.approx((0.1 + 0.2) / 2 + 0.016)
    assert begun.at == pytest.approx(100.15)


def test_a_look_that_does_not_show_a_record_narrows_it() -> None:
    first, last = written(8, 100.1), written(9, 103.0, 6006)
    samples = [GuestSample(100.5, (first,), (), ()), GuestSample(102.9, (first,), (), ())]
    clock = guest_clock([first, last], samples, untaken_until=100.0, off_at=105.0)
    assert clock is not None
    assert clock.moment(last.created).earliest == pytest.approx(103.0 - 0.1 - 0.016)
    blind = [GuestSample(104.9, (), (), (), ("records: no answer",))]
    unknowing = guest_clock([first, last], blind, untaken_until=100.0, off_at=105.0)
    assert unknowing == guest_clock([first, last], [], 100.0, 105.0)


def test_no_record_tells_nothing() -> None:
    assert guest_clock([], [], 100.0, 105.0) is None


def test_a_clock_that_was_set_meanwhile_is_not_believed() -> None:
    assert guest_clock([written(8, 100.1), written(9, 300.0)], [], 100.0, 105.0) is None


@given(
    st.lists(st.floats(0.0, 30.0), min_size=1, max_size=6),
    st.floats(-1e6, 1e6),
    st.floats(0.0, 5.0),
)
def test_the_truth_is_always_within(delays: list[float], ahead: float, rest: float) -> None:
    moments = sorted(100.0 + delay for delay in delays)
    records = [
        EventRecord(n, "User32", 1074, datetime.fromtimestamp(BOOTED + ahead + at, UTC), {})
        for n, at in enumerate(moments)
    ]
    # What has been shown by then is in every later look.
    samples = [
        GuestSample(
            at,
            tuple(r for r, written in zip(records, moments, strict=True) if written <= at),
            (),
            (),
        )
        for at in (100.0, 103.0, 110.0)
    ]
    clock = guest_clock(records, samples, 100.0, moments[-1] + rest)
    assert clock is not None
    for record, at in zip(records, moments, strict=True):
        moment = clock.moment(record.created)
        assert moment.earliest <= at <= moment.latest
