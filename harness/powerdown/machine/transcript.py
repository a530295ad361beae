"""The record of QEMU's monitor in a file of bounded size."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

MOST_BYTES = 8 << 20
"""How much is kept of the commands with their answers, and again how much of the events."""


class Way(StrEnum):
    """Which way a message went."""

    SENT = "->"
    RECEIVED = "<-"
    LEFT_OUT = "--"
    """None: the line says that messages are left out from there on."""


class Transcript:
    """Lines of JSON: ``at`` (seconds, host-monotonic), ``way`` and ``message``.

    A guest can cause events for ever, and a long watch sends commands for hours. Each kind has its
    own room, so that neither crowds out the other; where one is full a line says so and the rest
    of that kind is left out.

    :param file: takes the lines as they come.
    :param most_bytes: room for each kind.
    :raise OSError: the file cannot be made.
    """

    def __init__(self, file: Path, most_bytes: int = MOST_BYTES) -> None:
        self._file = file.open("a", encoding="utf-8", buffering=1)
        self._most_bytes = most_bytes
        self._room = {"commands": most_bytes, "events": most_bytes}

    def write(self, at: float, way: Way, message: Mapping[str, Any]) -> None:
        """Add a message, if there is room; never raises."""
        kind = "events" if "event" in message else "commands"
        room = self._room[kind]
        if room <= 0:
            return
        line = _line(at, way, dict(message))
        if len(line) > room:
            room = 0
            line = _line(at, Way.LEFT_OUT, f"no more {kind}: {self._most_bytes} bytes are full")
        self._room[kind] = room - len(line)
        # A full disk must not end the run's only view of QEMU.
        with contextlib.suppress(OSError, ValueError):
            self._file.write(line)

    def close(self) -> None:
        """Close the file; may be called twice."""
        with contextlib.suppress(OSError):
            self._file.close()


def _line(at: float, way: Way, message: object) -> str:
    # ASCII only, so that characters are bytes.
    return json.dumps({"at": round(at, 6), "way": way, "message": message}) + "\n"
