"""A relay for a socket, so that nothing QEMU sent is lost when it ends.

A client that writes to a connection which QEMU has closed gets an error, and asyncio then discards
what it has received and not read yet, which includes QEMU's last event, ``SHUTDOWN``. The relay's
end can always be written to: what can no longer be delivered is dropped, and all that QEMU sent is
delivered, because the kernel keeps it until it is read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading

_CHUNK = 1 << 16
_MOST_DESCRIPTORS = 4
_CLOSE_SECONDS = 1.0


class Relay:
    """Forwards bytes and file descriptors between two sockets, in threads of its own.

    :param outside: connected socket to QEMU; the relay closes it.
    :ivar end: the socket to use instead; the caller closes it.
    """

    def __init__(self, outside: socket.socket) -> None:
        outside.settimeout(None)
        self._outside = outside
        self.end, self._inner = socket.socketpair()
        self._threads = [
            threading.Thread(target=self._forward_in, name="relay-in", daemon=True),
            threading.Thread(target=self._forward_out, name="relay-out", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Close the connection; never raises, may be called twice."""
        for one in (self._outside, self._inner):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_CLOSE_SECONDS)
        self._outside.close()
        self._inner.close()

    def _forward_in(self) -> None:
        # A reset by the peer comes after the data it sent before.
        with contextlib.suppress(OSError):
            while received := self._outside.recv(_CHUNK):
                self._inner.sendall(received)
        with contextlib.suppress(OSError):
            self._inner.shutdown(socket.SHUT_WR)

    def _forward_out(self) -> None:
        delivers = True
        with contextlib.suppress(OSError):
            while True:
                data, descriptors, _, _ = socket.recv_fds(self._inner, _CHUNK, _MOST_DESCRIPTORS)
                if not data:
                    break
                try:
                    if delivers:
                        self._deliver(data, descriptors)
                except OSError:
                    # QEMU has ended. Reading goes on, so that writes to `end` never fail.
                    delivers = False
                finally:
                    for descriptor in descriptors:
                        os.close(descriptor)
        with contextlib.suppress(OSError):
            self._outside.shutdown(socket.SHUT_WR)

    def _deliver(self, data: bytes, descriptors: list[int]) -> None:
        # Descriptors come only over UNIX sockets: see Monitor.pass_fd.
        if descriptors and self._outside.family == socket.AF_UNIX:
            sent = socket.send_fds(self._outside, [data], descriptors)
            data = data[sent:]
        self._outside.sendall(data)
