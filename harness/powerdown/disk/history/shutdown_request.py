"""Requests for a shutdown: User32 1074 in a log, and 1075, which cancels one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from powerdown.diagnosis import initiation
from powerdown.disk.history.power_records import USER32, is_one, parameter
from powerdown.windows.event_records import EventRecord

_TOGETHER = timedelta(minutes=2)
"""A user's power-off is recorded twice, once from the shell and once from winlogon
(fact:record-1074-twice)."""

_WINLOGON = "winlogon.exe"

_REASON = re.compile(r"(0x)?[0-9a-f]{1,8}", re.IGNORECASE)
"""A DWORD, as 1074 has it."""


class Wanted(StrEnum):
    """The kind of shutdown that was requested. Windows records it in the system's language."""

    POWER_OFF = "power-off"
    RESTART = "restart"
    SHUTDOWN = "shutdown"
    UNKNOWN = "unknown"


_WORDS = {
    "power off": Wanted.POWER_OFF,
    "restart": Wanted.RESTART,
    "shutdown": Wanted.SHUTDOWN,
    "shut down": Wanted.SHUTDOWN,
}


@dataclass(frozen=True)
class ShutdownRequest:
    """One User32 1074.

    :param process: the requesting process with its path; empty if not recorded.
    :param user: the requesting account, such as ``NT AUTHORITY\\SYSTEM``.
    :param reason: the reason code; ``None`` if it is not a number.
    :param reason_text: Windows' text for it, in the system's language.
    :param wanted: the kind of shutdown.
    :param comment: the comment given with the request.
    :param called_off: whether a 1075 followed.
    """

    at: datetime
    process: str
    user: str
    reason: int | None
    reason_text: str
    wanted: Wanted
    comment: str
    called_off: bool
    record: EventRecord

    @property
    def may_be_button(self) -> bool:
        """Whether its reason and process may be the power button's (fact:button-process); older
        releases write the same for the Start menu (fact:button-reason-code)."""
        return self.reason == initiation.BUTTON_REASON and _WINLOGON in self.process.lower()


def requests_in(records: Sequence[EventRecord]) -> tuple[ShutdownRequest, ...]:
    """The requests among the records of a session, in order."""
    found = [record for record in records if is_one(record, USER32, 1074, 1075)]
    return tuple(
        _request(record, following is not None and following.event_id == 1075)
        for record, following in zip_longest(found, found[1:])
        if record.event_id == 1074
    )


def who_asked(requests: Sequence[ShutdownRequest]) -> ShutdownRequest | None:
    """The request that led to a stop: the last one, or the shell's that caused it."""
    standing = [request for request in requests if not request.called_off]
    if not standing:
        return None
    last = standing[-1]
    if _WINLOGON not in last.process.lower():
        return last
    earlier = (
        r
        for r in reversed(standing)
        if _WINLOGON not in r.process.lower() and abs(last.at - r.at) <= _TOGETHER
    )
    return next(earlier, last)


def _request(record: EventRecord, called_off: bool) -> ShutdownRequest:
    return ShutdownRequest(
        at=record.created,
        process=parameter(record, 1),
        user=parameter(record, 7),
        reason=_reason(parameter(record, 4)),
        reason_text=parameter(record, 3),
        wanted=_WORDS.get(parameter(record, 5).lower(), Wanted.UNKNOWN),
        comment=parameter(record, 6),
        called_off=called_off,
        record=record,
    )


def _reason(text: str) -> int | None:
    return int(text, 16) if _REASON.fullmatch(text) else None
