"""The guest's serial output, kept in a file of bounded size."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

MOST_BYTES = 8 << 20
"""How much is kept. A guest may write for ever; the rest is read and discarded."""

_CHUNK_BYTES = 1 << 16
_END_SECONDS = 2.0
"""Once QEMU has ended, the rest is in the socket's buffer and quickly read."""


class SerialLog:
    """Copies the data from a socket to a file until the other end is closed.

    :param end: the harness's end of the socket of the guest's serial port.
    :param file: written as the output comes.
    :param most_bytes: how much is kept, from the beginning.
    :raise OSError: the file cannot be created.
    """

    def __init__(self, end: socket.socket, file: Path, most_bytes: int = MOST_BYTES) -> None:
        self._end = end
        self._file = file.open("wb", buffering=0)
        self._room = most_bytes
        self._thread = threading.Thread(target=self._copy, daemon=True, name="serial")
        self._thread.start()

    def drain(self) -> None:
        """Wait, for a bounded time, until all QEMU sent before its end is in the file."""
        self._thread.join(_END_SECONDS)

    def close(self) -> None:
        """Stop copying; never raises, may be called twice."""
        with contextlib.suppress(OSError):
            # Wakes the thread if QEMU's end is still open.
            self._end.shutdown(socket.SHUT_RDWR)
        self.drain()
        self._end.close()
        self._file.close()

    def _copy(self) -> None:
        # A full disk or a closed socket ends the log, not the run.
        with contextlib.suppress(OSError, ValueError):
            while chunk := self._end.recv(_CHUNK_BYTES):
                kept = chunk[: self._room]
                self._room -= len(kept)
                if kept:
                    self._file.write(kept)
