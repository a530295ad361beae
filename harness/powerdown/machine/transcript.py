"""The record of QEMU's monitor in a file of bounded size."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

MOST_BYTES = 8 << 20
"""How much is kept of commands and answers, and as much again of events."""


class Direction(StrEnum):
    """The direction of a message."""

    SENT = "->"
    RECEIVED = "<-"
    TRUNCATED = "--"
    """Not a message: from this line on messages are left out."""


class Transcript:
    """Lines of JSON: ``at`` (seconds, host-monotonic), ``way`` and ``message``.

    A guest can cause events for ever, and a long watch sends commands for hours. Each kind has its
    own limit, so that neither crowds out the other; when it is reached, a line says so and further
    messages of that kind are dropped.

    :param file: the lines are written as they come.
    :param most_bytes: limit for each kind.
    :raise OSError: the file cannot be created.
    """

    def __init__(self, file: Path, most_bytes: int = MOST_BYTES) -> None:
        self._file = file.open("a", encoding="utf-8", buffering=1)
        self._most_bytes = most_bytes
        self._room = {"commands": most_bytes, "events": most_bytes}

    def write(self, at: float, way: Direction, message: Mapping[str, Any]) -> None:
        """Add a message unless the limit is reached; never raises."""
        kind = "events" if "event" in message else "commands"
        room = self._room[kind]
        if room <= 0:
            return
        line = _line(at, way, dict(message))
        if len(line) > room:
            room = 0
            line = _line(
                at,
                Direction.TRUNCATED,
                f"no more {kind}: the limit of {self._most_bytes} bytes is reached",
            )
        self._room[kind] = room - len(line)
        # A full disk must not end the connection to QEMU.
        with contextlib.suppress(OSError, ValueError):
            self._file.write(line)

    def close(self) -> None:
        """Close the file; may be called twice."""
        with contextlib.suppress(OSError):
            self._file.close()


def _line(at: float, way: Direction, message: object) -> str:
    # ASCII only, so that characters are bytes.
    return json.dumps({"at": round(at, 6), "way": way, "message": message}) + "\n"
