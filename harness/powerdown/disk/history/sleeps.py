"""Sleep within a session: Kernel-Power 42 and 107, Power-Troubleshooter 1, modern standby."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from powerdown.disk.history.power_records import (
    KERNEL_POWER,
    POWER_TROUBLESHOOTER,
    is_one,
    whole_number,
)
from powerdown.disk.history.session_records import is_saved
from powerdown.windows.event_records import EventRecord


@dataclass(frozen=True)
class Sleep:
    """One period of sleep.

    :param at: when it began; ``None`` if only the waking was recorded.
    :param until: when the guest woke; ``None`` if that was not recorded.
    :param state: the target state, from SYSTEM_POWER_STATE: 2 to 4 are S1 to S3.
    :param standby: whether it was modern standby, which is not an ACPI state.
    :param reason: number of the reason in 42, such as 0 for a button or lid, 7 for idling
        (fact:record-109 has the numbers; that 42 has the same is fact:record-42-reason).
    :param wake_source: number of the wake source (fact:wake-source-numbers).
    :param wake_text: the device or timer that woke the guest, if recorded.
    """

    at: datetime | None
    until: datetime | None
    state: int | None
    standby: bool
    reason: int | None
    wake_source: int | None
    wake_text: str
    records: tuple[EventRecord, ...]


def sleeps_in(records: Sequence[EventRecord]) -> tuple[Sleep, ...]:
    """The periods of sleep in a session's own records, without hibernation."""
    groups: list[list[EventRecord]] = []
    for record in records:
        if is_one(record, KERNEL_POWER, 42):
            if not is_saved(record):
                groups.append([record])
        elif is_one(record, KERNEL_POWER, 506):
            groups.append([record])
        elif is_one(record, KERNEL_POWER, 107, 507) or is_one(record, POWER_TROUBLESHOOTER, 1):
            if groups and _may_follow(record, groups[-1]):
                groups[-1].append(record)
            else:
                groups.append([record])
    return tuple(map(_sleep, groups))


def _may_follow(record: EventRecord, group: Sequence[EventRecord]) -> bool:
    standby = record.event_id == 507
    began = [entry for entry in group if is_one(entry, KERNEL_POWER, 42, 506)]
    if any((entry.event_id == 506) is not standby for entry in began):
        return False
    return not any(is_one(entry, record.provider, record.event_id) for entry in group)


def _sleep(group: Sequence[EventRecord]) -> Sleep:
    began = _find(group, KERNEL_POWER, 42, 506)
    woke = _find(group, KERNEL_POWER, 107, 507)
    wake = _find(group, POWER_TROUBLESHOOTER, 1)
    state = _number(began, "TargetState")
    if state is None:
        state = _number(woke, "TargetState")
    return Sleep(
        at=None if began is None else began.created,
        # When 107 is written, the clock may not be corrected yet; it is for the other record.
        until=_created(wake) or _created(woke),
        state=state,
        standby=any(is_one(entry, KERNEL_POWER, 506, 507) for entry in group),
        reason=_number(began, "Reason"),
        wake_source=_number(wake, "WakeSourceType"),
        wake_text="" if wake is None else _wake_text(wake),
        records=tuple(group),
    )


def _wake_text(wake: EventRecord) -> str:
    names = ("WakeSourceText", "WakeTimerOwner", "WakeTimerContext")
    return ", ".join(filter(None, (wake.data.get(name, "").strip() for name in names)))


def _find(group: Sequence[EventRecord], provider: str, *event_ids: int) -> EventRecord | None:
    return next((entry for entry in group if is_one(entry, provider, *event_ids)), None)


def _number(record: EventRecord | None, name: str) -> int | None:
    return None if record is None else whole_number(record, name)


def _created(record: EventRecord | None) -> datetime | None:
    return None if record is None else record.created
