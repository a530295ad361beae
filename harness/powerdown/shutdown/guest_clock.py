"""The offset of the guest's clock from the host's, derived from the order of events.

Every record of the shutdown was written after the command and before the power went off. That
limits the offset to an interval, which is shorter the faster the guest shut down. The only
assumption is that neither clock was set meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from powerdown.guest.guest_sample import GuestSample
from powerdown.windows.event_records import EventRecord

_RESOLUTION = 0.016
"""Seconds by which the time of a record may be wrong: Windows' clock moves on every 15.6 ms (learn:
GetSystemTimeAsFileTime)."""


@dataclass(frozen=True)
class Moment:
    """A moment of the guest's clock, on the host-monotonic clock.

    :param earliest: seconds; not before.
    :param latest: seconds; not after.
    """

    earliest: float
    latest: float

    @property
    def at(self) -> float:
        """The middle of the interval."""
        return (self.earliest + self.latest) / 2

    @property
    def doubt(self) -> float:
        """Seconds by which :attr:`at` may be wrong, either way."""
        return (self.latest - self.earliest) / 2


@dataclass(frozen=True)
class GuestClock:
    """How far the host-monotonic clock is ahead of the guest's, in seconds: between these."""

    least: float
    most: float

    def moment(self, created: datetime) -> Moment:
        """The host-monotonic moment at which the guest's clock showed this time."""
        told = created.timestamp()
        return Moment(told + self.least, told + self.most)


def guest_clock(
    records: Iterable[EventRecord],
    samples: Iterable[GuestSample],
    untaken_until: float,
    off_at: float,
) -> GuestClock | None:
    """The guest's clock while it shut down.

    :param records: of the shutdown that the command led to.
    :param samples: from inside meanwhile: what a sample did not show was recorded later.
    :param untaken_until: up to when the guest had not taken the command.
    :param off_at: when the power went off.
    :return: ``None`` when there is no record, or when the records contradict each other: then the
        clock was set meanwhile, or one of them is older than the command.
    """
    written = {record.record_id: record.created.timestamp() for record in records}
    if not written:
        return None
    least = untaken_until - min(written.values())
    for sample in samples:
        if sample.knows("records"):
            shown = {record.record_id for record in sample.records}
            later = [at for number, at in written.items() if number not in shown]
            least = max([least, *(sample.at - at for at in later)])
    most = off_at - max(written.values())
    if least > most + 2 * _RESOLUTION:
        return None
    return GuestClock(least - _RESOLUTION, max(most, least) + _RESOLUTION)
