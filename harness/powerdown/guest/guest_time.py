"""Time spent waiting for a guest, kept apart from the harness's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from powerdown.core.deadline import Deadline, now
from powerdown.guest.channels.channel import CommandResult, GuestChannel, PortAnswer

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
    """Collects the intervals in which a guest was waited for.

    Waiting until the host has room for a guest is neither the guest's time nor the harness's.
    """

    def __init__(self) -> None:
        self._intervals: list[Interval] = []
        self._queued = 0.0
        self._taken_at = float("-inf")

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

    def queue(self, seconds: float) -> None:
        """Note time spent waiting for room on the host."""
        self._queued += seconds

    def take_queued(self) -> float:
        """Seconds spent waiting for room since the last call."""
        queued, self._queued = self._queued, 0.0
        return queued

    def take(self) -> float:
        """Seconds counted since the last call, what overlaps counted once.

        Of what began before that call, only what came after it: a watch in another thread may
        hear from its guest late.
        """
        intervals, self._intervals = self._intervals, []
        since, self._taken_at = self._taken_at, now()
        return union_seconds((max(start, since), end) for start, end in intervals if end > since)


class TimedChannel:
    """A control channel that counts waiting for its answers as the guest's time."""

    def __init__(self, channel: GuestChannel, time: GuestTime) -> None:
        self._channel = channel
        self._time = time

    @property
    def address(self) -> tuple[str, int] | None:
        """See :attr:`GuestChannel.address`."""
        return self._channel.address

    @property
    def runs_as_system(self) -> bool:
        """See :attr:`GuestChannel.runs_as_system`."""
        return self._channel.runs_as_system

    def run(self, command: str, deadline: Deadline) -> CommandResult:
        """See :meth:`GuestChannel.run`."""
        with self._time.counted():
            return self._channel.run(command, deadline)

    def answers(self, deadline: Deadline) -> PortAnswer | None:
        """See :meth:`GuestChannel.answers`."""
        with self._time.counted():
            return self._channel.answers(deadline)

    def interrupt(self) -> None:
        """See :meth:`GuestChannel.interrupt`."""
        self._channel.interrupt()

    def close(self) -> None:
        """See :meth:`GuestChannel.close`."""
        self._channel.close()
