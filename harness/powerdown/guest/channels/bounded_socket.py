"""A socket to a guest that is not trusted: every read and write bounded in time and size.

Bounds belong here and not higher up. A time-out of ``requests`` or ``http.client`` is for each
piece received, so that a byte a second holds a caller for ever; and both read status lines, header
fields and chunk sizes in places of their own, where a bound on the body does not reach.
"""

from __future__ import annotations

import socket
from typing import Any

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError


class Allowance:
    """What one exchange with a guest may still cost.

    :param max_bytes: received in one exchange, headers included.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes_left = max_bytes
        self._deadline = Deadline.after(0.0)

    def renew(self, deadline: Deadline) -> None:
        """Begin an exchange that must end by ``deadline``."""
        self._bytes_left = self._max_bytes
        self._deadline = deadline

    @property
    def seconds_left(self) -> float:
        """Time for the next read or write.

        :raise TimeoutError: none is left.
        """
        remaining = self._deadline.remaining
        if remaining == 0.0:
            raise TimeoutError("no time is left to talk to the guest")
        return remaining

    def spend(self, received: int) -> None:
        """Account for bytes received.

        :raise ControlChannelError: they are too many.
        """
        self._bytes_left -= received
        if self._bytes_left < 0:
            raise ControlChannelError(
                "read an answer from the guest",
                f"it is larger than {self._max_bytes} bytes",
                "The guest misbehaves, or the command prints too much.",
            )


class BoundedSocket(socket.socket):
    """A connected socket that keeps to an :class:`Allowance`, whatever time-out is set on it.

    :param connected: the socket it takes over.
    """

    def __init__(self, connected: socket.socket, allowance: Allowance) -> None:
        family, kind, protocol = connected.family, connected.type, connected.proto
        super().__init__(family, kind, protocol, fileno=connected.detach())
        self._allowance = allowance

    def recv_into(self, *arguments: Any) -> int:
        """Receive as :meth:`socket.socket.recv_into` does; ``makefile`` reads through it too."""
        self.settimeout(self._allowance.seconds_left)
        received = super().recv_into(*arguments)
        self._allowance.spend(received)
        return received

    def sendall(self, *arguments: Any) -> None:
        """Send as :meth:`socket.socket.sendall` does; its time-out is for all of it."""
        self.settimeout(self._allowance.seconds_left)
        super().sendall(*arguments)


def connect(address: tuple[str, int], allowance: Allowance) -> BoundedSocket:
    """Connect to ``address`` within ``allowance``.

    :raise OSError: that failed, or took too long.
    """
    return BoundedSocket(
        socket.create_connection(address, timeout=allowance.seconds_left), allowance
    )
