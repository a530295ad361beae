"""Changes of the guest's clock: Kernel-General 1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from powerdown.disk.history.power_records import KERNEL_GENERAL, is_one
from powerdown.windows.event_records import EventRecord

_CLOCK_MOVED = timedelta(minutes=1)
"""Time services adjust the clock by less all the time."""


@dataclass(frozen=True)
class ClockChange:
    """A change of the clock by at least a minute.

    :param at: when it was recorded, by the new clock.
    """

    at: datetime
    old: datetime
    new: datetime
    record: EventRecord

    @property
    def by(self) -> timedelta:
        """The difference; negative if the clock was set back."""
        return self.new - self.old


def clock_change(record: EventRecord) -> ClockChange | None:
    """The clock change in a record; ``None`` if it is not about one."""
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
