"""What the disk of a guest that is off shows about its stop, read without a second boot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerdown.guest.guest_sample import tells_of_shutdown
from powerdown.windows.event_records import EventRecord
from powerdown.windows.query_commands import START_PROVIDERS

_INITIATED = 1074
_STARTED = 6005


@dataclass(frozen=True)
class PostMortem:
    """What was found on the disk.

    :param at: when it was read, host-monotonic.
    :param records: records of starts and stops in the System log, in the order recorded; ``None``
        when the log could not be read.
    :param volume_dirty: whether the Windows volume is marked dirty (``$Volume``, flag 0x0001).
    :param hibernated: whether its hibernation file holds a saved system; ``None`` when that could
        not be told.
    :param notes: what could not be read and why, one line each.
    """

    at: float
    records: tuple[EventRecord, ...] | None
    volume_dirty: bool | None = None
    hibernated: bool | None = None
    notes: tuple[str, ...] = ()

    def of_stop(self, after_record: int | None) -> tuple[EventRecord, ...] | None:
        """The records of the stop; ``None`` when the log could not be read.

        A real client's log does not hold all of them yet: it records Kernel-Power 109 and
        Kernel-General 13 at its next start, as the event log service has ended when they happen
        (see :data:`SAMPLE_PROVIDERS`).

        :param after_record: newest record from before the command; without it, those of the last
            shutdown that was initiated since the last start.
        """
        if self.records is None:
            return None
        told = [record for record in self.records if tells_of_shutdown(record)]
        if after_record is not None:
            return tuple(record for record in told if record.record_id > after_record)
        last_start = _last(self.records, _STARTED)
        since = [r for r in told if last_start is None or r.record_id > last_start.record_id]
        begun = _last(since, _INITIATED)
        return () if begun is None else tuple(since[since.index(begun) :])


def worth_keeping(record: EventRecord) -> bool:
    """Whether a record belongs to a start or a stop."""
    return tells_of_shutdown(record) or record.event_id in START_PROVIDERS.get(record.provider, ())


def _last(records: Sequence[EventRecord], event_id: int) -> EventRecord | None:
    return next((r for r in reversed(records) if r.event_id == event_id), None)
