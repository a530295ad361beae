"""Reaching the QMP socket of a QEMU that somebody else has started."""

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
"""What QEMU says first (qemu:docs/interop/qmp-spec)."""

_HUMAN = b"QEMU "
"""What a human monitor says first: ``QEMU 7.2.0 monitor - type 'help' for more information``."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_ANOTHER = (
    "If libvirt has started it, use --domain NAME instead. Else end the other client, or start "
    "QEMU with one more -qmp unix:PATH,server=on,wait=off"
)


@dataclass(frozen=True)
class QmpAddress:
    """Where a QEMU serves QMP: a UNIX socket, or a TCP port.

    :param path: of the socket; ``None`` for TCP.
    :param host: name or address; ``None`` for a UNIX socket.
    """

    path: Path | None
    host: str | None = None
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> QmpAddress:
        """``HOST:PORT``, or a path; a file of that name counts as a path.

        :raise ValueError: it is empty, the host no name, or the port out of range.
        """
        found = _HOST_AND_PORT.fullmatch(text)
        if found is not None and not _exists(text):
            port = int(found[3])
            if not 0 < port < 1 << 16:
                raise ValueError(f"{port} is no TCP port")
            return cls(None, host_name(found[1] or found[2]), port)
        if not text or "\0" in text:
            raise ValueError("it names no socket")
        return cls(Path(text))

    @property
    def is_local(self) -> bool:
        """Whether QEMU is on this host for sure."""
        return self.path is not None or self.host in _LOOPBACK

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        return (
            f"[{self.host}]:{self.port}" if ":" in (self.host or "") else f"{self.host}:{self.port}"
        )


def connect_qmp(address: QmpAddress, deadline: Deadline) -> socket.socket:
    """A connection on which QEMU has begun to greet; nothing is read from it yet.

    :param deadline: for all of it: QEMU greets at once, unless another client has it.
    :raise MachineError: there is no QMP to be had there; says what is.
    """
    action = f"connect to QMP at {address}"
    try:
        connection = _connect(address, deadline)
    except OSError as error:
        raise _unreachable(action, address, error) from error
    try:
        _see_greeting(connection, action, deadline)
    except BaseException:
        connection.close()
        raise
    return connection


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:
        # Too long for a file, say.
        return False


def is_refused(address: QmpAddress, deadline: Deadline) -> bool:
    """Whether nobody listens there any more."""
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


def _see_greeting(connection: socket.socket, action: str, deadline: Deadline) -> None:
    ready, _, _ = select.select([connection], [], [], deadline.remaining)
    if not ready:
        raise _busy(action, deadline)
    try:
        said = connection.recv(256, socket.MSG_PEEK)
    except OSError as error:
        raise MachineError(action, str(error), _IS_IT_QMP) from error
    if not said:
        raise MachineError(action, "it closed the connection at once", _IS_IT_QMP)
    begin = said.lstrip()[: len(_GREETING)]
    if begin == _GREETING[: len(begin)]:
        return
    if said.startswith(_HUMAN):
        raise MachineError(
            action,
            "it is a human monitor (HMP)",
            "Start QEMU with -qmp unix:PATH,server=on,wait=off besides.",
        )
    raise MachineError(action, f"what answers there is no QMP: it says {said[:60]!r}", _IS_IT_QMP)


_IS_IT_QMP = "Is it the socket of QEMU's option -qmp (or -mon mode=control)?"


def _busy(action: str, deadline: Deadline) -> MachineError:
    return MachineError(
        action,
        f"it takes the connection and says nothing within {deadline.allowed:.0f} s: QEMU serves "
        "one client at a time, so another has it; or it is no QMP socket; or QEMU hangs",
        _ANOTHER,
    )


def _unreachable(action: str, address: QmpAddress, error: OSError) -> MachineError:
    if isinstance(error, PermissionError):
        return MachineError(
            action, "permission denied", "Do it as the user that runs QEMU, or as root."
        )
    if error.errno == errno.EAGAIN:
        # Linux, unix(7): so many wait for a UNIX socket already that there is no room for more.
        return MachineError(action, "others wait to be served there already", _ANOTHER)
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
        return MachineError(action, "it is no socket", "Is that the path of QEMU's option -qmp?")
    return MachineError(
        action,
        f"{actual}: nobody listens there",
        "QEMU has ended and left its socket behind, it seems.",
    )
