"""A domain's serial output, kept in a file of bounded size."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.calls import call_alone
from powerdown.machine.libvirt.domain_handle import DomainHandle
from powerdown.machine.qemu.serial_log import MOST_BYTES

_OPEN_SECONDS = 15.0
_CHUNK_BYTES = 1 << 16
_END_SECONDS = 2.0


class ConsoleLog:
    """Copies the output of a domain's first serial port until the domain ends.

    It never blocks in virStreamRecv, which would block all other calls on a connection to a daemon.

    Where libvirt does not open the console, the file says why: for example, a lock that another
    user's libvirt has left behind for the same pseudo-terminal (libvirt:src/conf/virchrdev.c).

    :param handle: the domain.
    :param file: written as the output comes.
    """

    def __init__(self, handle: DomainHandle, file: Path) -> None:
        self._lock = threading.Lock()
        self._file = file.open("wb", buffering=0)
        self._room = MOST_BYTES
        self._ended = threading.Event()
        self._stream: libvirt.virStream | None = None
        try:
            self._stream = handle.call(
                "open the serial console", self._open, Deadline.after(_OPEN_SECONDS)
            )
        except MachineError as error:
            self._keep(f"no serial output: {error}\n".encode())
            self._ended.set()

    def drain(self) -> None:
        """Wait, for a bounded time, until all output of an ended domain is in the file."""
        self._ended.wait(_END_SECONDS)

    def close(self) -> None:
        """Stop copying; never raises, may be called twice."""
        stream, self._stream = self._stream, None
        if stream is not None:
            # This needs an answer from the daemon, which may hang.
            with contextlib.suppress(libvirt.libvirtError, TimeoutError):
                call_alone(lambda: self._end_stream(stream), _END_SECONDS)
        with self._lock:
            self._file.close()

    def _open(self, domain: libvirt.virDomain) -> libvirt.virStream:
        stream = domain.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
        domain.openConsole(None, stream, 0)
        events = (
            libvirt.VIR_STREAM_EVENT_READABLE
            | libvirt.VIR_STREAM_EVENT_ERROR
            | libvirt.VIR_STREAM_EVENT_HANGUP
        )
        stream.eventAddCallback(events, _on_stream, self)
        return stream

    def _end_stream(self, stream: libvirt.virStream) -> None:
        if not self._ended.is_set():
            stream.eventRemoveCallback()
        stream.abort()

    def copy(self, stream: libvirt.virStream) -> None:
        """Copy what has arrived; called by libvirt for new data and at the end."""
        try:
            # One chunk at a time, because other events wait too.
            chunk = stream.recv(_CHUNK_BYTES)
        except libvirt.libvirtError:
            chunk = b""
        if not chunk:
            with contextlib.suppress(libvirt.libvirtError):
                stream.eventRemoveCallback()
            self._ended.set()
        elif isinstance(chunk, bytes):
            self._keep(chunk)

    def _keep(self, chunk: bytes) -> None:
        with self._lock:
            kept = chunk[: self._room]
            self._room -= len(kept)
            # A full disk ends the log, not the run.
            with contextlib.suppress(OSError, ValueError):
                self._file.write(kept)


def _on_stream(stream: libvirt.virStream, events: int, log: ConsoleLog) -> None:
    log.copy(stream)
