"""Who is logged on at the console, from ``query session`` and the list of processes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from powerdown.windows.guest_lines import guest_lines
from powerdown.windows.processes import ProcessEntry

# "console" in the first column, then the user where there is one, the number and a word of state.
_CONSOLE = re.compile(r"[ >]?console\s+(?:(\S.*?)\s{2,})?([0-9]{1,10})(?:\s+\D.*)?", re.I)
_MAX_ROW = 200

LOGON_SCREEN = "logonui.exe"
"""Draws the logon screen (learn: Credential providers in Windows) and the lock screen."""


@dataclass(frozen=True)
class ConsoleSession:
    """The session on the screen and keyboard.

    :param session: its number.
    :param user: who is logged on there; ``None`` at the logon screen. Long names are cut.
    :param locked: whether the user has locked it; ``False`` while nobody is logged on, ``None``
        when unknown. It is told by LogonUI.exe, which may draw other screens of
        Winlogon too (fact:logonui-is-locked).
    """

    session: int | None
    user: str | None
    locked: bool | None


def parse_console_session(text: str) -> ConsoleSession | None:
    """The console's line in the output of ``query session``; ``None`` when there is none.

    Headings and states are localised, the session's name and the columns' order are not (public
    transcripts in English, German and Russian; learn: query session).
    """
    for line in guest_lines(text):
        row = _CONSOLE.fullmatch(line[:_MAX_ROW].rstrip())
        if row is not None:
            return ConsoleSession(int(row[2]), row[1], False if row[1] is None else None)
    return None


def with_lock(console: ConsoleSession, processes: Iterable[ProcessEntry]) -> ConsoleSession:
    """``console``, with what the list of processes tells about its lock."""
    if console.user is None:
        return console
    at_console = [p.name.lower() for p in processes if p.session == console.session]
    return replace(console, locked=LOGON_SCREEN in at_console) if at_console else console
