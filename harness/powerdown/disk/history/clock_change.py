"""A guest's clock that was set: Kernel-General 1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from powerdown.disk.history.power_records import KERNEL_GENERAL, is_one
from powerdown.windows.event_records import EventRecord

_CLOCK_MOVED = timedelta(minutes=1)
"""Time services set a clock by less all day long."""


@dataclass(frozen=True)
class ClockChange:
    """A clock that was set, by a minute at least.

    :param at: when that was recorded, by the clock as it was set.
    """

    at: datetime
    old: datetime
    new: datetime
    record: EventRecord

    @property
    def by(self) -> timedelta:
        """By how much; negative if it was set back."""
        return self.new - self.old


def clock_change(record: EventRecord) -> ClockChange | None:
    """What a record tells of a clock that was set; ``None`` if it does not."""
    if not is_one(record, KERNEL_GENERAL, 1):
        return None
    old, new = _moment(record, "OldTime"), _moment(record, "NewTime")
    if old is None or new is None or abs(new - old) < _CLOCK_MOVED:
        return None
    return ClockChange(record.created, old, new, record)


def _moment(record: EventRecord, name: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(record.data.get(name, "").strip())
    except ValueError:
        return None
    return found if found.utcoffset() is not None else None
