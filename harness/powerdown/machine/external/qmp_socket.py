"""Connecting to the QMP socket of a QEMU that the harness did not start."""

from __future__ import annotations

import errno
import re
import select
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.external.host_name import host_name

_HOST_AND_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^/:\[\]]+)):([0-9]{1,5})")

_GREETING = b'{"QMP"'
"""The start of QEMU's greeting (qemu:docs/interop/qmp-spec)."""

_HUMAN = b"QEMU "
"""The start of a human monitor's greeting: ``QEMU 7.2.0 monitor - type 'help' for more ...``."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_ANOTHER = (
    "If libvirt started it, use --domain NAME instead. Otherwise end the other client, or start "
    "QEMU with a second -qmp unix:PATH,server=on,wait=off"
)


@dataclass(frozen=True)
class QmpAddress:
    """The address of a QMP socket: a UNIX socket, or a TCP port.

    :param path: path of the socket; ``None`` for TCP.
    :param host: name or address; ``None`` for a UNIX socket.
    """

    path: Path | None
    host: str | None = None
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> QmpAddress:
        """Parse ``HOST:PORT`` or a path; an existing file of that name is a path.

        :raise ValueError: it is empty, or the host name or the port is invalid.
        """
        found = _HOST_AND_PORT.fullmatch(text)
        if found is not None and not _exists(text):
            port = int(found[3])
            if not 0 < port < 1 << 16:
                raise ValueError(f"{port} is not a TCP port")
            return cls(None, host_name(found[1] or found[2]), port)
        if not text or "\0" in text:
            raise ValueError("it does not name a socket")
        return cls(Path(text))

    @property
    def is_local(self) -> bool:
        """Whether QEMU is certainly on this host."""
        return self.path is not None or self.host in _LOOPBACK

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        return (
            f"[{self.host}]:{self.port}" if ":" in (self.host or "") else f"{self.host}:{self.port}"
        )


def connect_qmp(address: QmpAddress, deadline: Deadline) -> socket.socket:
    """A connection on which QEMU's greeting has arrived; nothing has been read from it.

    :param deadline: for the greeting too, which comes at once unless another client is connected.
    :raise MachineError: QMP is not available there; the message says what was found.
    """
    action = f"connect to QMP at {address}"
    try:
        connection = _connect(address, deadline)
    except OSError as error:
        raise _unreachable(action, address, error) from error
    try:
        _expect_greeting(connection, action, deadline)
    except BaseException:
        connection.close()
        raise
    return connection


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:
        # For example, too long for a file name.
        return False


def is_refused(address: QmpAddress, deadline: Deadline) -> bool:
    """Whether nothing listens there any more."""
    try:
        _connect(address, deadline).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except OSError:
        return False
    return False


def _connect(address: QmpAddress, deadline: Deadline) -> socket.socket:
    if address.path is None:
        return socket.create_connection((address.host, address.port), deadline.remaining or 0.001)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(deadline.remaining or 0.001)
        connection.connect(str(address.path))
    except BaseException:
        connection.close()
        raise
    return connection


def _expect_greeting(connection: socket.socket, action: str, deadline: Deadline) -> None:
    ready, _, _ = select.select([connection], [], [], deadline.remaining)
    if not ready:
        raise _busy(action, deadline)
    try:
        data = connection.recv(256, socket.MSG_PEEK)
    except OSError as error:
        raise MachineError(action, str(error), _IS_IT_QMP) from error
    if not data:
        raise MachineError(action, "it closed the connection at once", _IS_IT_QMP)
    begin = data.lstrip()[: len(_GREETING)]
    if begin == _GREETING[: len(begin)]:
        return
    if data.startswith(_HUMAN):
        raise MachineError(
            action,
            "it is a human monitor (HMP)",
            "Start QEMU with -qmp unix:PATH,server=on,wait=off as well.",
        )
    raise MachineError(action, f"it does not speak QMP but sends {data[:60]!r}", _IS_IT_QMP)


_IS_IT_QMP = "Is it the socket of QEMU's option -qmp (or -mon mode=control)?"


def _busy(action: str, deadline: Deadline) -> MachineError:
    return MachineError(
        action,
        f"it accepts the connection and sends nothing within {deadline.allowed:.0f} s: another "
        "client is connected (QEMU serves one at a time), it is not a QMP socket, or QEMU hangs",
        _ANOTHER,
    )


def _unreachable(action: str, address: QmpAddress, error: OSError) -> MachineError:
    if isinstance(error, PermissionError):
        return MachineError(
            action, "permission denied", "Run as the user that runs QEMU, or as root."
        )
    if error.errno == errno.EAGAIN:
        # unix(7): the queue of connections is full.
        return MachineError(action, "other clients are already waiting there", _ANOTHER)
    actual = error.strerror or str(error) or type(error).__name__
    path = address.path
    if path is None:
        return MachineError(
            action, actual, "Does QEMU run there, with -qmp tcp:HOST:PORT,server=on?"
        )
    try:
        mode = path.stat().st_mode
    except OSError:
        return MachineError(action, actual, "Is that the path of QEMU's option -qmp?")
    if not stat.S_ISSOCK(mode):
        return MachineError(action, "it is not a socket", "Is that the path of QEMU's option -qmp?")
    return MachineError(
        action,
        f"{actual}: nothing listens there",
        "QEMU has probably ended and left its socket behind.",
    )
