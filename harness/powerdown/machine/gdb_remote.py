"""A small client of the GDB remote protocol, enough for writing to a stopped guest.

Protocol: appendix "GDB Remote Serial Protocol" of the GDB manual. The server is QEMU's stub
(qemu:gdbstub.c). The guest is stopped while the connection is open, except during
:meth:`GdbRemote.run_for`.
"""

from __future__ import annotations

import socket

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError

_MOST_BYTES = 1 << 16
"""The longest answer accepted; the longest expected is a few KiB of register names."""

_INTERRUPT = b"\x03"


class GdbRemote:
    """A connection to a GDB stub.

    :param end: connected socket; the caller closes it.
    :param deadline: for all use of the connection.
    """

    def __init__(self, end: socket.socket, deadline: Deadline) -> None:
        self._end = end
        self._deadline = deadline
        self._received = b""

    def request(self, command: str) -> str:
        """Send a command and return the answer.

        :raise MachineError: there is no answer in time, or it is not of this protocol.
        """
        self._send(frame(command.encode("ascii")))
        return self._answer(self._deadline)

    def expect_ok(self, command: str) -> None:
        """Send a command that must be answered with ``OK``.

        :raise MachineError: it was answered otherwise.
        """
        answer = self.request(command)
        if answer != "OK":
            raise _failed(f"it answered {answer[:80]!r} to {command}")

    def run_for(self, seconds: float) -> None:
        """Let the guest run until it hits a breakpoint, for at most ``seconds``; then stop it.

        :raise MachineError: it does not stop.
        """
        self._send(frame(b"c"))
        try:
            self._answer(self._deadline.at_most(seconds))
        except TimeoutError:
            self._send(_INTERRUPT)
            self._answer(self._deadline)

    def _send(self, data: bytes) -> None:
        try:
            self._end.settimeout(max(0.01, self._deadline.remaining))
            self._end.sendall(data)
        except OSError as error:
            raise _failed(f"the connection is lost ({error})") from error

    def _answer(self, deadline: Deadline) -> str:
        """Receive and acknowledge the next packet.

        :raise TimeoutError: ``deadline``, earlier than the connection's, passed.
        """
        while (packet := _first_packet(self._received)) is None:
            self._receive(deadline)
        content, self._received = packet
        self._send(b"+")
        return content

    def _receive(self, deadline: Deadline) -> None:
        try:
            self._end.settimeout(max(0.001, deadline.remaining))
            chunk = self._end.recv(4096)
        except TimeoutError:
            if deadline.at < self._deadline.at:
                raise
            raise _failed(f"it did not answer within {deadline.allowed:.1f} s") from None
        except OSError as error:
            raise _failed(f"the connection is lost ({error})") from error
        if not chunk:
            raise _failed("it closed the connection")
        self._received += chunk
        if len(self._received) > _MOST_BYTES:
            raise _failed(f"it sent more than {_MOST_BYTES} bytes")


def frame(content: bytes) -> bytes:
    """A packet with its checksum."""
    return b"$%b#%02x" % (content, sum(content) & 0xFF)


def _first_packet(received: bytes) -> tuple[str, bytes] | None:
    """The content of the first complete packet, and the bytes after it.

    Acknowledgements before it are skipped.

    :raise MachineError: its checksum is wrong.
    """
    begin = received.find(b"$")
    end = received.find(b"#", begin)
    if begin < 0 or end < 0 or len(received) < end + 3:
        return None
    content, checksum = received[begin + 1 : end], received[end + 1 : end + 3]
    if checksum.lower() != b"%02x" % (sum(content) & 0xFF):
        raise _failed("the checksum of its answer is wrong")
    return content.decode("latin-1"), received[end + 3 :]


def _failed(actual: str) -> MachineError:
    return MachineError("use QEMU's GDB stub", actual, "See the QMP transcript.")
