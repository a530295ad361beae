"""A small client of the GDB remote protocol, as much as writing to a stopped guest needs.

Protocol: appendix "GDB Remote Serial Protocol" of the GDB manual. The other end is QEMU's stub
(qemu:gdbstub.c), which runs no guest while it serves, except between :meth:`GdbRemote.go_on` and
the next stop.
"""

from __future__ import annotations

import socket

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError

_MOST_BYTES = 1 << 16
"""The longest answer taken; the longest expected is a few KiB of register names."""

_INTERRUPT = b"\x03"


class GdbRemote:
    """One conversation with a GDB stub.

    :param end: connected socket; the caller closes it.
    :param deadline: for the whole conversation.
    """

    def __init__(self, end: socket.socket, deadline: Deadline) -> None:
        self._end = end
        self._deadline = deadline
        self._received = b""

    def ask(self, command: str) -> str:
        """Send a command; its answer.

        :raise MachineError: no answer in time, or none of this protocol.
        """
        self._send(frame(command.encode("ascii")))
        return self._answer(self._deadline)

    def demand(self, command: str) -> None:
        """Send a command that must be answered with ``OK``.

        :raise MachineError: it was not.
        """
        answer = self.ask(command)
        if answer != "OK":
            raise _failed(f"it answered {answer[:80]!r} to {command}")

    def go_on(self, seconds: float) -> None:
        """Let the guest run until it stops by itself (a breakpoint), at most ``seconds``.

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
        """The next packet; acknowledged.

        :raise TimeoutError: ``deadline``, nearer than this conversation's, passed.
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
    """The first whole packet's content and what follows it; what comes before are acknowledgements.

    :raise MachineError: its checksum is wrong.
    """
    begin = received.find(b"$")
    end = received.find(b"#", begin)
    if begin < 0 or end < 0 or len(received) < end + 3:
        return None
    content, said = received[begin + 1 : end], received[end + 1 : end + 3]
    if said.lower() != b"%02x" % (sum(content) & 0xFF):
        raise _failed("the checksum of its answer is wrong")
    return content.decode("latin-1"), received[end + 3 :]


def _failed(actual: str) -> MachineError:
    return MachineError("speak with QEMU's GDB stub", actual, "See the QMP transcript.")
