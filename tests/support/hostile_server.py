"""A server on loopback that answers each request as a test says, however badly."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

DONE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done"
SOAP = "http://www.w3.org/2003/05/soap-envelope"

Behaviour = Callable[["Exchange"], None]


class Exchange:
    """One request, and the connection to answer on.

    :ivar sent: bytes sent in answer.
    """

    def __init__(self, connection: socket.socket, request: bytes, stopped: threading.Event) -> None:
        self.connection = connection
        self.request = request
        self.stopped = stopped
        self.sent = 0

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.sent += len(data)

    def hold(self, seconds: float | None = None) -> bool:
        """Wait; whether the test is over."""
        return self.stopped.wait(seconds)

    def flood(self, data: bytes) -> None:
        """Send the same for ever."""
        while not self.stopped.is_set():
            self.send(data)


class HostileServer:
    """Answers every request with :attr:`behaviour`, one thread a connection.

    A behaviour that raises ``ConnectionError`` or returns with the connection shut ends it.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self._stopped = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=32)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._listener.getsockname()[:2]
        return host, port

    @property
    def requests(self) -> list[bytes]:
        return [exchange.request for exchange in self.exchanges]

    def close(self) -> None:
        self._stopped.set()
        for thing in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                thing.shutdown(socket.SHUT_RDWR)
            thing.close()
        for thread in (self._acceptor, *self._threads):
            thread.join(10)
            assert not thread.is_alive(), "the test's own server is stuck"

    def __enter__(self) -> HostileServer:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            for request in _requests(connection):
                exchange = Exchange(connection, request, self._stopped)
                self.exchanges.append(exchange)
                self.behaviour(exchange)


def _requests(connection: socket.socket) -> Iterator[bytes]:
    with connection.makefile("rb") as stream:
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                if not line:
                    return
                head += line
            length = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            yield head + stream.read(length)


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """An HTTP answer."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/soap+xml;charset=UTF-8\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode("latin-1") + body


def envelope(output: bytes = b"understood\r\n", state: str = DONE, exit_code: str = "0") -> bytes:
    """XML that answers whatever pywinrm asks: shell, command and its end, all at once."""
    return (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><Selector Name="ShellId">SHELL</Selector>'
        f'<CommandId>COMMAND</CommandId><Stream Name="stdout">{base64.b64encode(output).decode()}'
        f'</Stream><CommandState State="{state}"><ExitCode>{exit_code}</ExitCode></CommandState>'
        "</s:Body></s:Envelope>"
    ).encode()


def say(data: bytes) -> Behaviour:
    """Answer every request with these bytes."""
    return lambda exchange: exchange.send(data)


def behave(exchange: Exchange) -> None:
    """Answer as a guest in order does."""
    exchange.send(answer(envelope()))


def only_receive(bad: Behaviour) -> Behaviour:
    """In order until the output of a command is asked for, and then ``bad``."""
    return lambda exchange: (bad if b"shell/Receive" in exchange.request else behave)(exchange)
