"""Detects the moment at which a guest's control port closes, without sending it anything.

An idle connection to the port is closed by the guest when the service behind it stops: an event,
where polling would load a guest that is busy shutting down. A server may also drop an idle
connection for its own reasons: if the port still answers then, that is recorded too.

In Windows the port belongs to the driver http.sys, not to the WinRM service, and http.sys drops
idle connections after a time (learn: Configuring the HTTP Server API Wide Timers). It may close
them as late as the end of the network (fact:http-sys-closes-late).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from powerdown.core.deadline import Deadline
from powerdown.machine.events import EventStream
from powerdown.shutdown.observation import CONTROL_BACK, CONTROL_CLOSED

_ANSWER_SECONDS = 1.0

_LEAVE_SECONDS = 0.005
"""For the thread to notice that its connection was closed; a verdict waits for this."""

_MAX_RETURNS = 50
"""A guest that closes every connection at once must not fill the record of events."""


class ControlWatch:
    """Records :data:`CONTROL_CLOSED` and :data:`CONTROL_BACK` in ``events``.

    :param address: loopback host and port that reach the control port.
    :param answers: whether the port answers a request before a deadline.
    :param events: where they are recorded.
    """

    def __init__(
        self, address: tuple[str, int], answers: Callable[[Deadline], object], events: EventStream
    ) -> None:
        self._address = address
        self._answers = answers
        self._events = events
        self._connection: socket.socket | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="control-watch", daemon=True)

    def __enter__(self) -> ControlWatch:
        # A port that does not answer now cannot be lost later.
        if self._connect():
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped.set()
        self._disconnect()
        if self._thread.ident is not None:
            # It may be asking whether the port answers. Nobody waits to hear that now: it ends by
            # itself in a second or two and records nothing.
            self._thread.join(timeout=_LEAVE_SECONDS)

    def _watch(self) -> None:
        try:
            for _ in range(_MAX_RETURNS):
                self._wait_until_closed()
                if self._stopped.is_set():
                    return
                self._events.record(CONTROL_CLOSED)
                if not self._answers(Deadline.after(_ANSWER_SECONDS)) or not self._connect():
                    return
                # Stopped meanwhile: the connection was made after __exit__ looked for one.
                if self._stopped.is_set():
                    return
                self._events.record(CONTROL_BACK)
        finally:
            self._disconnect()

    def _wait_until_closed(self) -> None:
        connection = self._connection
        if connection is None:
            return
        with contextlib.suppress(OSError):
            while connection.recv(4096):
                pass

    def _connect(self) -> bool:
        self._disconnect()
        try:
            connection = socket.create_connection(self._address, timeout=_ANSWER_SECONDS)
        except OSError:
            return False
        connection.settimeout(None)
        self._connection = connection
        return True

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
