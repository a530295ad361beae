"""The guest agent's socket as QEMU provides it: a stream of JSON lines that outlives the agent.

The other end is QEMU's character device. It is open whether or not an agent listens in the guest,
keeps what nobody reads, and does not tell where one agent's words end and those of the next begin.
So every conversation begins with ``guest-sync-delimited``, before which all is forgotten; a
conversation is over whenever a call did not get its answer (qemu:docs/interop/qemu-ga-ref).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import select
import socket
import threading
from collections.abc import Iterator, Mapping

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError
from powerdown.guest.channels.agent_port import MAX_MESSAGE_BYTES, quoted, refused

_SENTINEL = b"\xff"
"""No byte of UTF-8. In front of a request it makes the agent forget a half-read one; the agent
puts it in front of the answer to ``guest-sync-delimited``."""

_CHUNK_BYTES = 1 << 16
_MILLISECONDS = 1000

_NO_ANSWER = "No guest agent may run in the guest, or it hangs; allow it more time if it is slow."


class AgentSocket:
    """An :class:`AgentPort` on a connected socket.

    :param end: the host's end; it is taken over and made non-blocking.
    :param max_bytes: of what one call may receive, stale data before its answer included.
    """

    def __init__(self, end: socket.socket, max_bytes: int = MAX_MESSAGE_BYTES) -> None:
        end.setblocking(False)
        self._end = end
        self._max_bytes = max_bytes
        self._turn = threading.Lock()
        self._received = bytearray()
        self._bytes_left = 0
        self._in_step = False
        self._closed = False
        self._unheard = False
        # Written to by interrupt(), watched by whoever waits.
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        """Call the agent; what it returns.

        :raise ControlChannelError: it refuses, sends an invalid answer, or QEMU has ended.
        :raise DeadlineExpired: it does not answer.
        """
        with self._my_turn(command, deadline):
            self._bytes_left = self._max_bytes
            self._forget_interrupts()
            if self._unheard:
                raise _unheard(command)
            if not self._in_step:
                self._get_in_step(command, deadline)
            # Until the answer is there.
            self._in_step = False
            self._send(_request(command, arguments), command, deadline)
            answer = _decoded(self._line(command, deadline), command)
            if "return" in answer:
                self._in_step = True
                return answer["return"]
            if "error" in answer:
                self._in_step = True
                raise refused(command, _description(answer["error"]))
            raise _nonsense(command, "the answer has neither a result nor an error")

    def interrupt(self) -> None:
        """Interrupt a call in another thread."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def port_is(self, *, is_open: bool) -> None:
        """Take note that the guest has opened or closed its end, from any thread.

        Nobody hears what is said while it is closed: a call under way fails, and further ones
        until it is open again. Left unsaid, as nobody might hear it, it would be said to the next
        agent. Without such notes every call lasts until there is an answer or its time is up.
        """
        self._unheard = not is_open
        if self._unheard:
            self.interrupt()

    def close(self) -> None:
        """Close the socket, after the call under way; never raises, may be called twice."""
        self._closed = True
        self.interrupt()
        with self._turn:
            for end in (self._end, self._woken, self._waker):
                end.close()

    @contextlib.contextmanager
    def _my_turn(self, command: str, deadline: Deadline) -> Iterator[None]:
        if not self._turn.acquire(timeout=deadline.remaining):
            raise deadline.expire(
                f"the guest agent's answer to {command}",
                "it is still busy with another call",
                _NO_ANSWER,
            )
        try:
            if self._closed:
                raise _gone(command, "its port is closed")
            yield
        finally:
            self._turn.release()

    def _get_in_step(self, command: str, deadline: Deadline) -> None:
        """Have the agent send a new number behind a sentinel, and skip everything before that."""
        self._received.clear()
        number = secrets.randbelow(1 << 31)
        self._send(_SENTINEL + _request("guest-sync-delimited", {"id": number}), command, deadline)
        while True:
            self._skip_to_sentinel(command, deadline)
            try:
                answer = json.loads(self._line(command, deadline))
            except (ValueError, RecursionError):
                continue
            # One that was asked for earlier, and given up, may come first.
            if isinstance(answer, dict) and answer.get("return") == number:
                self._in_step = True
                return

    def _skip_to_sentinel(self, command: str, deadline: Deadline) -> None:
        while (at := self._received.find(_SENTINEL)) < 0:
            self._received.clear()
            self._receive(command, deadline)
        del self._received[: at + 1]

    def _line(self, command: str, deadline: Deadline) -> bytes:
        """The next line. What stands before a sentinel in it is stale."""
        looked_at = 0
        while (end := self._received.find(b"\n", looked_at)) < 0:
            looked_at = len(self._received)
            self._receive(command, deadline)
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line.rpartition(_SENTINEL)[2]

    def _receive(self, command: str, deadline: Deadline) -> None:
        self._wait(select.POLLIN, command, deadline)
        try:
            chunk = self._end.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise _gone(command, str(error)) from error
        if not chunk:
            raise _gone(command, "QEMU has closed it")
        self._bytes_left -= len(chunk)
        if self._bytes_left < 0:
            raise ControlChannelError(
                f"read the guest agent's answer to {command}",
                f"it is larger than {self._max_bytes} bytes",
                "The guest misbehaves, or the command prints too much.",
            )
        self._received += chunk

    def _send(self, data: bytes, command: str, deadline: Deadline) -> None:
        view = memoryview(data)
        while view:
            self._wait(select.POLLOUT, command, deadline)
            try:
                view = view[self._end.send(view) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise _gone(command, str(error)) from error

    def _wait(self, ready: int, command: str, deadline: Deadline) -> None:
        """Wait until the socket is ready.

        :raise ControlChannelError: it was interrupted.
        :raise DeadlineExpired: it is not.
        """
        watched = select.poll()
        watched.register(self._end, ready)
        watched.register(self._woken, select.POLLIN)
        found = dict(watched.poll(deadline.remaining * _MILLISECONDS))
        if self._woken.fileno() in found:
            if self._unheard:
                raise _unheard(command)
            raise ControlChannelError(
                f"call {command} of the guest agent", "it was interrupted", "Call again."
            )
        if not found or deadline.expired:
            raise deadline.expire(f"the guest agent's answer to {command}", "no answer", _NO_ANSWER)

    def _forget_interrupts(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(_CHUNK_BYTES):
                pass


def _request(command: str, arguments: Mapping[str, object] | None) -> bytes:
    request: dict[str, object] = {"execute": command}
    if arguments:
        request["arguments"] = arguments
    return json.dumps(request).encode("ascii") + b"\n"


def _decoded(line: bytes, command: str) -> Mapping[str, object]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise _nonsense(command, f"the answer is no JSON object: {quoted(repr(line[:200]))}")
    return answer


def _description(error: object) -> str:
    """Class and text of an agent's error; whatever else it is, as text."""
    if not isinstance(error, dict):
        return repr(error)
    return f"{error.get('class', '')}: {error.get('desc', '')}"


def _nonsense(command: str, actual: str) -> ControlChannelError:
    return ControlChannelError(
        f"call {command} of the guest agent", actual, "Something else may listen on its port."
    )


def _unheard(command: str) -> ControlChannelError:
    return ControlChannelError(
        f"call {command} of the guest agent",
        "no agent has its port open in the guest",
        "It is a service, and ends with the guest's services; else start it (QEMU-GA).",
    )


def _gone(command: str, why: str) -> ControlChannelError:
    return ControlChannelError(
        f"call {command} of the guest agent",
        f"the connection failed ({why})",
        "The guest may be off.",
    )
