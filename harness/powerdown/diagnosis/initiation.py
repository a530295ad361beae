"""Who initiated a shutdown, and whether it was aborted: the records of User32
(fact:record-1074)."""

from __future__ import annotations

import re

from powerdown.shutdown.observation import Command, Observation
from powerdown.windows.event_records import EventRecord

_FAILED = 1073
_INITIATED = 1074
_ABORTED = 1075

BUTTON_REASON = 0x500FF
"""Reason in 1074 that is ascribed to the power button (fact:button-reason-code); a shutdown from
the Start menu leaves it too, behind the shell's own record (fact:record-1074-twice)."""

CRITICAL_PROCESS_REASON = 0x50006
"""Reason in 1074 of the restart that wininit.exe announces when a critical process has ended."""

SERVICING_REASONS = (0x80020003, 0x80020010)
"""Reasons in 1074 of servicing and of Windows Update (fact:servicing-reason-codes)."""

_AT_ONCE = frozenset({"winlogon.exe", "explorer.exe", "logonui.exe"})
"""Processes that ask through ExitWindowsEx, which has no countdown (learn: ExitWindowsEx
function)."""

_OPTION = re.compile(r"(?:^|\s)[/-]([a-z?]+)(?:[ \t:]+(\d{1,9})(?=\s|$))?", re.IGNORECASE)
"""Options of shutdown.exe (learn: shutdown)."""


def initiated(obs: Observation) -> EventRecord | None:
    """The record of the shutdown under way, if it was not aborted since."""
    last = _last(obs)
    return last if last is not None and last.event_id == _INITIATED else None


def aborted(obs: Observation) -> EventRecord | None:
    """The record that the shutdown which was asked for here was aborted (1075).

    Another countdown that begins and is aborted meanwhile is not the command's, nor is one that
    began before it.
    """
    last = _last(obs)
    if last is None or last.event_id != _ABORTED:
        return None
    begun = [r for r in _initiations(obs) if r.record_id < last.record_id]
    return last if begun and is_answer(obs, begun[-1]) else None


def is_answer(obs: Observation, record: EventRecord) -> bool:
    """Whether a 1074 may be the command's own shutdown, and not another one.

    wininit.exe may be named for a command over the network: a public record of a restart by a
    domain account says so, with shutdown.exe's reason 0x800000ff (fact:record-1074-winrm).
    Public records name winlogon.exe for an upgrade's restart too, with reason 0x80020003.
    """
    if reason(record) in (CRITICAL_PROCESS_REASON, *SERVICING_REASONS):
        return False
    if obs.command is Command.PRESS:
        return reason(record) == BUTTON_REASON or process(record) == "winlogon.exe"
    return process(record) in ("shutdown.exe", "wininit.exe", "")


def is_anothers(obs: Observation, record: EventRecord) -> bool:
    """Whether a 1074 of a power-off names a process that the command did not ask.

    Which process Windows names for the button is not settled (fact:button-process), so one that is
    not known to be another's may be the button's.
    """
    if obs.command is not Command.PRESS:
        return False
    if reason(record) in (CRITICAL_PROCESS_REASON, *SERVICING_REASONS):
        return True
    return process(record) not in ("", *_AT_ONCE) and reason(record) != BUTTON_REASON


def by_reason(obs: Observation, *reasons: int) -> EventRecord | None:
    """The last 1074 with one of these reasons."""
    found = [record for record in _initiations(obs) if reason(record) in reasons]
    return found[-1] if found else None


def restart(obs: Observation) -> EventRecord | None:
    """The last 1074 that may have asked for a restart.

    Its type is a word in the language of Windows. In English it settles it; else the record of
    the button itself is taken for what it is: no wish to restart.
    """
    for record in reversed(_initiations(obs)):
        kind = record.data.get("param5", "").strip().lower()
        if kind == "restart":
            return record
        if kind not in ("power off", "shutdown", "shut down", "") and not is_answer(obs, record):
            return record
    return None


def says_restart(record: EventRecord) -> bool:
    """Whether a 1074 says in English that a restart was asked for."""
    return record.data.get("param5", "").strip().lower() == "restart"


def may_count_down(obs: Observation, record: EventRecord) -> bool:
    """Whether the shutdown of this 1074 may still be waiting for its countdown to end.

    Windows writes 1074 when a countdown begins; only behind it is anyone asked to end. With a
    countdown, applications are forced besides (fact:shutdown-exe-force), so they cannot hold it.
    """
    if process(record) in _AT_ONCE or reason(record) == BUTTON_REASON:
        return False
    if obs.command is not Command.INSIDE or obs.answer is None:
        return True
    options = command_options(obs.answer.command)
    return not ("p" in options or options.get("t") == 0) or "f" in options


def command_options(command: str) -> dict[str, int | None]:
    """Options of a shutdown.exe command line, with the number behind those that have one."""
    return {
        found[1].lower(): None if found[2] is None else int(found[2])
        for found in _OPTION.finditer(command)
    }


def reason(record: EventRecord) -> int | None:
    """The reason code of a 1074; ``None`` if it is no number."""
    try:
        return int(record.data.get("param4", ""), 16)
    except ValueError:
        return None


def process(record: EventRecord) -> str:
    """The image name in a 1074, such as ``winlogon.exe``; empty when it names none.

    It is there as ``C:\\Windows\\system32\\winlogon.exe (COMPUTER)``.
    """
    path = record.data.get("param1", "").strip()
    if path.endswith(")"):
        path = path.rpartition(" (")[0]
    return path.rpartition("\\")[2].lower()


def _initiations(obs: Observation) -> list[EventRecord]:
    return [record for record in obs.records or () if record.event_id == _INITIATED]


def _last(obs: Observation) -> EventRecord | None:
    """The last record that begins or aborts a shutdown.

    1073 is written where one was refused, too; perhaps also where one was begun and then given
    up on its blocking screen (fact:record-1073-given-up).
    """
    kinds = (_FAILED, _INITIATED, _ABORTED)
    return next((r for r in reversed(obs.records or ()) if r.event_id in kinds), None)
