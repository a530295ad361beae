"""Time spent waiting for a guest, kept apart from the harness's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from harness.deadline import Deadline, now
from harness.guest.channel import CommandResult, GuestChannel

Interval = tuple[float, float]


def union_seconds(intervals: Iterable[Interval]) -> float:
    """Seconds covered by intervals that may overlap.

    >>> union_seconds([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0)])
    4.0
    """
    total, covered_until = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, covered_until))
        covered_until = max(covered_until, end)
    return total


class GuestTime:
    """Collects the intervals in which a guest was waited for."""

    def __init__(self) -> None:
        self._intervals: list[Interval] = []

    def add(self, start: float, end: float) -> None:
        """Count the time between two moments of the host-monotonic clock."""
        self._intervals.append((start, end))

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the time spent in this block."""
        start = now()
        try:
            yield
        finally:
            self.add(start, now())

    def take(self) -> float:
        """Seconds counted since the last call, what overlaps counted once."""
        intervals, self._intervals = self._intervals, []
        return union_seconds(intervals)


class TimedChannel:
    """A control channel whose answers are waited for on the guest's account."""

    def __init__(self, channel: GuestChannel, time: GuestTime) -> None:
        self._channel = channel
        self._time = time

    def run(self, command: str, deadline: Deadline) -> CommandResult:
        """See :meth:`GuestChannel.run`."""
        with self._time.counted():
            return self._channel.run(command, deadline)

    def answers(self, deadline: Deadline) -> bool:
        """See :meth:`GuestChannel.answers`."""
        with self._time.counted():
            return self._channel.answers(deadline)

    def close(self) -> None:
        """See :meth:`GuestChannel.close`."""
        self._channel.close()
