"""A domain's serial output, kept in a file of bounded size."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from harness.deadline import Deadline
from harness.errors import MachineError
from harness.machine.domain.binding import libvirt
from harness.machine.domain.handle import DomainHandle
from harness.machine.serial_log import MOST_BYTES

_OPEN_SECONDS = 15.0
_CHUNK_BYTES = 1 << 16
_END_SECONDS = 2.0


class ConsoleLog:
    """Copies what a domain writes to its first serial port until the domain ends.

    :param handle: the domain.
    :param file: takes the output as it comes.
    :raise MachineError: libvirt does not open the console.
    """

    def __init__(self, handle: DomainHandle, file: Path) -> None:
        self._file = file.open("wb", buffering=0)
        self._room = MOST_BYTES
        try:
            self._stream = handle.call(
                "open the serial console", _console, Deadline.after(_OPEN_SECONDS)
            )
        except MachineError:
            self._file.close()
            raise
        self._thread = threading.Thread(target=self._copy, daemon=True, name="console")
        self._thread.start()

    def drain(self) -> None:
        """Wait until what a domain that has ended wrote is in the file; bounded."""
        self._thread.join(_END_SECONDS)

    def close(self) -> None:
        """Stop copying; never raises, may be called twice."""
        with contextlib.suppress(libvirt.libvirtError):
            self._stream.abort()
        self._thread.join(_END_SECONDS)
        if not self._thread.is_alive():
            self._file.close()

    def _copy(self) -> None:
        # A full disk or the end of the domain ends the log, not the run.
        with contextlib.suppress(libvirt.libvirtError, OSError, ValueError):
            while chunk := self._stream.recv(_CHUNK_BYTES):
                kept = chunk[: self._room]
                self._room -= len(kept)
                if kept:
                    self._file.write(kept)


def _console(domain: libvirt.virDomain) -> libvirt.virStream:
    stream = domain.connect().newStream(0)
    domain.openConsole(None, stream, 0)
    return stream
