"""A socket beside a socket, so that nothing QEMU said is lost when it ends.

A client that writes to a connection which QEMU has closed gets an error, and asyncio then throws
away what it has received and not read yet: QEMU's last words, ``SHUTDOWN`` among them. The relay's
end can always be written to. What cannot be delivered any more is dropped, and what QEMU said is
delivered to the last byte, whatever was written meanwhile: the kernel keeps it until it is read.
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
    """Carries bytes and file descriptors between two sockets, in threads of its own.

    :param outside: connected socket whose other end QEMU has; the relay closes it.
    :ivar end: what to use instead of it; the user closes it.
    """

    def __init__(self, outside: socket.socket) -> None:
        outside.settimeout(None)
        self._outside = outside
        self.end, self._inner = socket.socketpair()
        self._threads = [
            threading.Thread(target=self._carry_in, name="relay-in", daemon=True),
            threading.Thread(target=self._carry_out, name="relay-out", daemon=True),
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

    def _carry_in(self) -> None:
        # A reset by the peer comes behind what it said before.
        with contextlib.suppress(OSError):
            while received := self._outside.recv(_CHUNK):
                self._inner.sendall(received)
        with contextlib.suppress(OSError):
            self._inner.shutdown(socket.SHUT_WR)

    def _carry_out(self) -> None:
        delivers = True
        with contextlib.suppress(OSError):
            while True:
                said, descriptors, _, _ = socket.recv_fds(self._inner, _CHUNK, _MOST_DESCRIPTORS)
                if not said:
                    break
                try:
                    if delivers:
                        self._deliver(said, descriptors)
                except OSError:
                    # QEMU is gone. Reading goes on, so that whoever writes never fails.
                    delivers = False
                finally:
                    for descriptor in descriptors:
                        os.close(descriptor)
        with contextlib.suppress(OSError):
            self._outside.shutdown(socket.SHUT_WR)

    def _deliver(self, said: bytes, descriptors: list[int]) -> None:
        # Descriptors only ever come where QEMU can take them: see Monitor.lend.
        if descriptors and self._outside.family == socket.AF_UNIX:
            sent = socket.send_fds(self._outside, [said], descriptors)
            said = said[sent:]
        self._outside.sendall(said)
