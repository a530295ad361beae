"""QEMU's monitor: commands that always return, events that are never missed.

A command sent while QEMU ends breaks its connection, and asyncio then throws away what was received
but not yet read. So there are two connections: commands go over one, the other only listens, and
QEMU's last words (``SHUTDOWN``) always arrive on it before the end of file. Where QEMU has but one
to offer, a :class:`Relay` stands between, which cannot be broken.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import ExecuteError, Message, QMPClient, QMPError, Runstate

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.events import EventStream, HostEvent
from powerdown.machine.qmp import HasDescriptor
from powerdown.machine.transcript import Transcript, Way

_DRAIN_SECONDS = 2.0
"""After QEMU's end the rest of its events is in the socket's buffer: reading it takes no time."""

_LAST_ANSWER_SECONDS = 0.005
"""After SHUTDOWN, for an answer that QEMU sent before it: that comes on the other connection."""

_LAST_ANSWER_TURNS = 20
"""Of the event loop, should the host have kept it from running all that time: from socket to
caller an answer takes some five."""

_SILENT_SECONDS = 1.0
"""For each further command to a QEMU that has left one without an answer and said nothing since.
Else a watch of one that hangs would take the time of all its questions."""

_CLOSE_SECONDS = 5.0
"""Time for the connections to be closed down; nothing is waited for on the network."""

_Result = TypeVar("_Result")
_OnMessage = Callable[[Way, Mapping[str, Any]], None]


class Monitor:
    """The monitor of one QEMU, usable from any thread.

    :param commands: connected socket whose other end QEMU has.
    :param events: the same, for listening; ``None`` to listen on the first, which then must not
        break when it is written to: :attr:`Relay.end`.
    :param stream: takes every event, stamped when it arrives.
    :param transcript: file for a :class:`Transcript` of the traffic.
    """

    def __init__(
        self,
        commands: socket.socket,
        events: socket.socket | None,
        stream: EventStream,
        transcript: Path,
    ) -> None:
        self._sockets = (commands,) if events is None else (commands, events)
        self._stream = stream
        self._transcript = Transcript(transcript)
        if events is None:
            self._commands = self._listener = _Client("monitor", self._on_traffic)
        else:
            self._commands = _Client("commands", self._on_command_traffic)
            self._listener = _Client("events", self._on_event_traffic)
        self._drained = threading.Event()
        self._ending = False
        self._silent = False
        self._calls: set[Future[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, daemon=True, name="qmp")
        self._thread.start()

    def connect(self, deadline: Deadline) -> None:
        """Greet QEMU on every connection; listens before any command can be sent.

        :raise MachineError: QEMU closed the connection or did not greet in time.
        """
        try:
            self._call(self._connect(), deadline)
        except (QMPError, OSError, EOFError) as error:
            raise MachineError(
                "connect to QEMU's monitor", str(error) or repr(error), "See its standard error."
            ) from error

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        """Run a QMP command; what it returns.

        :raise MachineError: QEMU is gone or about to go, refuses, or does not answer in time.
        """
        if self._ending:
            raise _ending()
        try:
            return self._call(
                self._commands.execute(command, arguments), deadline, until_power_off=True
            )
        except ExecuteError as error:
            raise MachineError(
                f"run QMP command {command}", f"QEMU refused: {error}", "See the QMP transcript."
            ) from error
        except (QMPError, OSError, EOFError) as error:
            raise MachineError(
                f"run QMP command {command}",
                f"the connection to QEMU is lost ({error or repr(error)})",
                "See the end of the QMP transcript and QEMU's standard error.",
            ) from error

    def human(self, command_line: str, deadline: Deadline) -> str:
        """Run a command of the human monitor; what it prints.

        :raise MachineError: as for :meth:`execute`.
        """
        answer = self.execute("human-monitor-command", {"command-line": command_line}, deadline)
        return answer if isinstance(answer, str) else ""

    def pass_fd(self, name: str, end: HasDescriptor, deadline: Deadline) -> None:
        """Give QEMU a socket or file, which QMP commands then know as descriptor ``name``.

        :param end: what QEMU gets; the caller closes its own handle of it.
        :raise MachineError: as for :meth:`execute`.
        """

        self._send(end, deadline)
        self.execute("getfd", {"fdname": name}, deadline)

    def add_fd(self, end: HasDescriptor, deadline: Deadline) -> int:
        """Give QEMU a file, which QMP commands then know as ``/dev/fdset/N``.

        :param end: what QEMU gets; the caller closes its own handle of it.
        :return: ``N``, for ``remove-fd`` (qapi/misc.json, add-fd) once it is needed no more.
        :raise MachineError: as for :meth:`execute`.
        """
        self._send(end, deadline)
        answer = self.execute("add-fd", None, deadline)
        number = answer.get("fdset-id") if isinstance(answer, dict) else None
        if not isinstance(number, int):
            raise MachineError(
                "give QEMU a file",
                f"it answered {str(answer)[:200]}",
                "See the QMP transcript.",
            )
        return number

    def drain(self) -> None:
        """Wait until every event that QEMU sent before its end is in the stream; bounded."""
        self._drained.wait(_DRAIN_SECONDS)

    def wait_until_lost(self) -> None:
        """Wait until QEMU or the harness has closed the connection; all events are then in."""
        self._drained.wait()

    def close(self) -> None:
        """Close every connection and the transcript; never raises, may be called twice."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(MachineError):
            self._call(self._disconnect(), Deadline.after(_CLOSE_SECONDS))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():
            return
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        for end in self._sockets:
            end.close()
        self._transcript.close()
        self._drained.set()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(
        self,
        work: Coroutine[Any, Any, _Result],
        deadline: Deadline,
        *,
        until_power_off: bool = False,
    ) -> _Result:
        """Run ``work`` on the loop from another thread, in bounded time.

        :param until_power_off: give it up soon after the guest has powered off.
        """
        if self._loop.is_closed():
            work.close()
            raise _closed()
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        if until_power_off:
            self._calls.add(future)
            if self._ending:
                # The power went off meanwhile: those that were given up may not include this one.
                self._loop.call_soon_threadsafe(self._give_up_calls_soon)
        if self._silent:
            deadline = deadline.at_most(_SILENT_SECONDS)
        began = now()
        try:
            return future.result(deadline.remaining)
        except TimeoutError as error:
            future.cancel()
            self._silent = True
            raise MachineError(
                "hear from QEMU's monitor",
                f"it did not answer within {deadline.allowed:.1f} s",
                "The host is overloaded or QEMU hangs; see the QMP transcript.",
            ) from error
        except CancelledError as error:
            raise (_ending() if self._ending else _closed()) from error
        finally:
            self._calls.discard(future)
            self._stream.on_waited(began, now())

    async def _connect(self) -> None:
        try:
            await self._listener.connect(self._sockets[-1])
        except BaseException:
            self._drained.set()
            raise
        self._watcher = asyncio.create_task(self._watch(self._listener, self._drained.set))
        if self._commands is not self._listener:
            await self._commands.connect(self._sockets[0])
            self._commands_watcher = asyncio.create_task(self._watch(self._commands, lambda: None))

    async def _watch(self, client: QMPClient, ended: Callable[[], None]) -> None:
        """Follow a connection to its end; every message before it has then been handled."""
        try:
            while client.runstate is Runstate.RUNNING:
                await client.runstate_changed()
        finally:
            ended()
        # qemu.qmp wants to be told; what ended the connection is raised here and known already.
        with contextlib.suppress(Exception):
            await client.disconnect()

    async def _disconnect(self) -> None:
        for client in (self._commands, self._listener):
            with contextlib.suppress(Exception):
                await client.disconnect()

    def _send(self, end: HasDescriptor, deadline: Deadline) -> None:
        async def send() -> None:
            self._commands.send_fd_scm(end.fileno())

        try:
            self._call(send(), deadline)
        except (QMPError, OSError) as error:
            raise MachineError(
                "give QEMU a file descriptor",
                f"the connection to QEMU is lost ({error or repr(error)})",
                "See the end of the QMP transcript and QEMU's standard error.",
            ) from error

    def _on_traffic(self, way: Way, message: Mapping[str, Any]) -> None:
        self._on_command_traffic(way, message)
        self._on_event_traffic(way, message)

    def _on_command_traffic(self, way: Way, message: Mapping[str, Any]) -> None:
        # Events come on both connections; the listener's are the ones that count.
        if way is Way.RECEIVED:
            self._silent = False
        if "event" not in message:
            self._transcript.write(now(), way, message)

    def _on_event_traffic(self, way: Way, message: Mapping[str, Any]) -> None:
        if "event" not in message:
            return
        at = now()
        data = message.get("data")
        self._stream.append(
            HostEvent(at, str(message["event"]), data if isinstance(data, dict) else {})
        )
        self._transcript.write(at, way, message)
        if message["event"] == "SHUTDOWN":
            self._ending = True
            self._give_up_calls_soon()

    def _give_up_calls_soon(self) -> None:
        self._loop.call_later(_LAST_ANSWER_SECONDS, self._give_up_calls, _LAST_ANSWER_TURNS)

    def _give_up_calls(self, turns: int) -> None:
        """Let nobody wait for answers of a QEMU that ends: its main loop serves no more.

        How long it takes to end is its own affair; callers see the event and can go on.

        :param turns: of the loop before that, in which an answer that is there gets through.
        """
        if turns:
            self._loop.call_soon(self._give_up_calls, turns - 1)
            return
        for call in tuple(self._calls):
            call.cancel()


class _Client(QMPClient):
    """A QMP connection that shows its traffic, through the hooks qemu.qmp has for that."""

    def __init__(self, name: str, on_message: _OnMessage) -> None:
        super().__init__(name)
        self._on_traffic = on_message

    def _cb_inbound(self, msg: Message) -> Message:
        self._on_traffic(Way.RECEIVED, msg)
        return super()._cb_inbound(msg)

    def _cb_outbound(self, msg: Message) -> Message:
        self._on_traffic(Way.SENT, msg)
        return super()._cb_outbound(msg)


def _ending() -> MachineError:
    return MachineError(
        "ask QEMU", "its guest has powered off and it ends", "Ask a machine that runs."
    )


def _closed() -> MachineError:
    return MachineError(
        "talk to QEMU's monitor", "the machine was closed", "Use a machine that runs."
    )
