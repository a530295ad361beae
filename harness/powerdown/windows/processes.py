"""Processes, as ``tasklist /fo csv /nh`` prints them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from powerdown.windows.guest_lines import guest_lines

MAX_PROCESSES = 5000

# Image, PID, session name, session number; the memory behind them is localised.
_ROW = re.compile(r'"([^"]*)","([0-9]{1,10})","[^"]*","([0-9]{1,10})"(?:,.*)?')


@dataclass(frozen=True)
class ProcessEntry:
    """One process.

    :param name: its image name, such as ``explorer.exe``.
    :param session: the session it runs in; services run in 0.
    """

    name: str
    pid: int
    session: int


def parse_processes(text: str) -> tuple[ProcessEntry, ...]:
    """The processes in the output of ``tasklist /fo csv /nh``; other lines are ignored."""
    rows = (_ROW.fullmatch(line.strip()) for line in guest_lines(text))
    found = [ProcessEntry(row[1], int(row[2]), int(row[3])) for row in rows if row is not None]
    return tuple(found[:MAX_PROCESSES])
