"""QEMU's monitor: commands that always return, events that are never missed.

A command sent while QEMU ends breaks its connection, and asyncio then discards what was received
but not yet read. So there are two connections: commands go over one, the other only listens, and
QEMU's last event (``SHUTDOWN``) always arrives on it before the end of file. Where QEMU offers only
one connection, a :class:`Relay` goes in between, which is never broken by a write.
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
from powerdown.machine.transcript import Direction, Transcript

_DRAIN_SECONDS = 2.0
"""Once QEMU has ended, its remaining events are in the socket's buffer and quickly read."""

_LAST_ANSWER_SECONDS = 0.005
"""After SHUTDOWN, for an answer that QEMU sent before it, on the other connection."""

_LAST_ANSWER_TURNS = 20
"""Iterations of the event loop, in case a busy host kept it from running during that time: from
socket to caller an answer takes about five."""

_SILENT_SECONDS = 1.0
"""For each further command to a QEMU that has not answered one and has sent nothing since.
Otherwise every command of a watch would wait for its full time when QEMU hangs."""

_CLOSE_SECONDS = 5.0
"""For closing the connections, which involves no network."""

_Result = TypeVar("_Result")
_OnMessage = Callable[[Direction, Mapping[str, Any]], None]


class Monitor:
    """The monitor of one QEMU, usable from any thread.

    :param commands: connected socket to QEMU, for commands.
    :param events: connected socket to QEMU, for events; ``None`` to receive them on ``commands``,
        which must then not break when it is written to: :attr:`Relay.end`.
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
        """Negotiate QMP on every connection, first on the one for events.

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
        """Run a QMP command and return its result.

        :raise MachineError: QEMU has ended or is ending, refuses, or does not answer in time.
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
        """Run a command of the human monitor and return its output.

        :raise MachineError: as for :meth:`execute`.
        """
        answer = self.execute("human-monitor-command", {"command-line": command_line}, deadline)
        return answer if isinstance(answer, str) else ""

    def pass_fd(self, name: str, end: HasDescriptor, deadline: Deadline) -> None:
        """Pass QEMU a socket or file, which QMP commands then refer to as descriptor ``name``.

        :param end: the socket or file; the caller still closes its own handle.
        :raise MachineError: as for :meth:`execute`.
        """
        self._send(end, deadline)
        self.execute("getfd", {"fdname": name}, deadline)

    def add_fd(self, end: HasDescriptor, deadline: Deadline) -> int:
        """Pass QEMU a file, which QMP commands then refer to as ``/dev/fdset/N``.

        :param end: the file; the caller still closes its own handle.
        :return: ``N``, for ``remove-fd`` (qapi/misc.json, add-fd) once it is no longer needed.
        :raise MachineError: as for :meth:`execute`.
        """
        self._send(end, deadline)
        answer = self.execute("add-fd", None, deadline)
        number = answer.get("fdset-id") if isinstance(answer, dict) else None
        if not isinstance(number, int):
            raise MachineError(
                "pass QEMU a file",
                f"it answered {str(answer)[:200]}",
                "See the QMP transcript.",
            )
        return number

    def drain(self) -> None:
        """Wait, for a bounded time, until all events QEMU sent before its end are in the stream."""
        self._drained.wait(_DRAIN_SECONDS)

    def wait_until_lost(self) -> None:
        """Wait until QEMU or the harness has closed the connection and all events are recorded."""
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

        :param until_power_off: abort it soon after the guest has powered off.
        """
        if self._loop.is_closed():
            work.close()
            raise _closed()
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        if until_power_off:
            self._calls.add(future)
            if self._ending:
                # The guest powered off meanwhile; the calls aborted then may not include this one.
                self._loop.call_soon_threadsafe(self._abort_calls_soon)
        if self._silent:
            deadline = deadline.at_most(_SILENT_SECONDS)
        began = now()
        try:
            return future.result(deadline.remaining)
        except TimeoutError as error:
            future.cancel()
            self._silent = True
            raise MachineError(
                "get an answer from QEMU's monitor",
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
        """Wait for a connection to end; all its messages have been handled by then."""
        try:
            while client.runstate is Runstate.RUNNING:
                await client.runstate_changed()
        finally:
            ended()
        # qemu.qmp requires this call; it raises what ended the connection, which is known already.
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
                "pass QEMU a file descriptor",
                f"the connection to QEMU is lost ({error or repr(error)})",
                "See the end of the QMP transcript and QEMU's standard error.",
            ) from error

    def _on_traffic(self, way: Direction, message: Mapping[str, Any]) -> None:
        self._on_command_traffic(way, message)
        self._on_event_traffic(way, message)

    def _on_command_traffic(self, way: Direction, message: Mapping[str, Any]) -> None:
        # Events come on both connections; those on the listener's are recorded.
        if way is Direction.RECEIVED:
            self._silent = False
        if "event" not in message:
            self._transcript.write(now(), way, message)

    def _on_event_traffic(self, way: Direction, message: Mapping[str, Any]) -> None:
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
            self._abort_calls_soon()

    def _abort_calls_soon(self) -> None:
        self._loop.call_later(_LAST_ANSWER_SECONDS, self._abort_calls, _LAST_ANSWER_TURNS)

    def _abort_calls(self, turns: int) -> None:
        """Abort the calls to a QEMU that is ending: its main loop serves no more commands.

        Ending may take QEMU a while; callers see the event and can go on.

        :param turns: iterations of the loop before that, for answers that have arrived.
        """
        if turns:
            self._loop.call_soon(self._abort_calls, turns - 1)
            return
        for call in tuple(self._calls):
            call.cancel()


class _Client(QMPClient):
    """A QMP connection that reports its traffic, through hooks of qemu.qmp."""

    def __init__(self, name: str, on_message: _OnMessage) -> None:
        super().__init__(name)
        self._on_traffic = on_message

    def _cb_inbound(self, msg: Message) -> Message:
        self._on_traffic(Direction.RECEIVED, msg)
        return super()._cb_inbound(msg)

    def _cb_outbound(self, msg: Message) -> Message:
        self._on_traffic(Direction.SENT, msg)
        return super()._cb_outbound(msg)


def _ending() -> MachineError:
    return MachineError(
        "run a QMP command",
        "the guest has powered off and QEMU is ending",
        "Use a machine that is running.",
    )


def _closed() -> MachineError:
    return MachineError(
        "run a QMP command", "the machine was closed", "Use a machine that is running."
    )
