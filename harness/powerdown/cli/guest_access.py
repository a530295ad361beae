"""Ways to query a running guest from inside, as ``powerdown diagnose`` offers them."""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.errors import ControlChannelError
from powerdown.guest.channels.agent_channel import AgentChannel
from powerdown.guest.channels.agent_socket import AgentSocket
from powerdown.guest.channels.channel import GuestChannel
from powerdown.guest.channels.libvirt_agent_port import LibvirtAgentPort
from powerdown.guest.channels.winrm_channel import WinrmChannel
from powerdown.guest.windows import Windows
from powerdown.images.image import (
    WINRM_PORT,
    ControlConfig,
    Credentials,
    Transport,
    WinrmAuthentication,
)
from powerdown.machine.external.agent_socket_path import AGENT_PORT_NAME
from powerdown.machine.external.host_name import host_name
from powerdown.machine.protocol import ExternalMachine

PASSWORD_VARIABLE = "POWERDOWN_PASSWORD"
"""Environment variable for the password, which every user could read on a command line."""

_HOST = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?")

_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class WinrmAccess:
    """WinRM of a guest.

    :param address: host and port.
    :param user: the user to log on as.
    """

    address: tuple[str, int]
    user: str
    authentication: WinrmAuthentication


@dataclass(frozen=True)
class AgentAccess:
    """The QEMU guest agent, through the host's end of its port.

    :param socket: path of the UNIX socket of QEMU's chardev; ``None`` to ask QEMU for it, or to
        have libvirt relay.
    """

    socket: Path | None


InsideAccess = WinrmAccess | AgentAccess | None


def winrm_address(text: str) -> tuple[str, int]:
    """``HOST`` or ``HOST:PORT``; an IPv6 address in brackets.

    :raise ValueError: it is neither.
    """
    found = _HOST.fullmatch(text)
    port = WINRM_PORT if found is None or found[3] is None else int(found[3])
    if found is None or not 0 < port < 1 << 16:
        raise ValueError(f"{text!r} is not HOST or HOST:PORT")
    return host_name(found[1] or found[2]), port


@contextmanager
def inside_of(access: InsideAccess, machine: ExternalMachine) -> Iterator[Windows | None]:
    """The guest from inside; ``None`` without access.

    :param machine: the same guest from outside.
    :raise ControlChannelError: the password is missing, or the agent's socket is.
    """
    if access is None:
        yield None
        return
    with _channel(access, machine) as channel, closing(channel):
        yield Windows(channel)


@contextmanager
def _channel(access: WinrmAccess | AgentAccess, machine: ExternalMachine) -> Iterator[GuestChannel]:
    if isinstance(access, WinrmAccess):
        credentials = Credentials(access.user, _password(access.user))
        control = ControlConfig(
            Transport.WINRM, access.address[1], access.authentication, credentials
        )
        yield WinrmChannel(access.address, control)
        return
    if machine.agent_proxy is not None:
        yield AgentChannel(LibvirtAgentPort(machine.agent_proxy))
        return
    place = access.socket or machine.find_agent_socket()
    if place is None:
        raise ControlChannelError(
            f"find the guest agent's socket of {machine.name}",
            f"its QEMU has no UNIX socket behind a port {AGENT_PORT_NAME}",
            f"Add a virtio-serial port {AGENT_PORT_NAME} to the guest, use --winrm instead, "
            "or leave out --agent.",
        )
    with _connected(place) as connection, closing(AgentSocket(connection)) as port:
        yield AgentChannel(port)


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_CONNECT_SECONDS)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        raise ControlChannelError(
            f"connect to the guest agent's socket {path}",
            error.strerror or str(error),
            "Give the path of QEMU's -chardev socket,path=...,server=on,wait=off behind the port "
            "org.qemu.guest_agent.0. libvirt keeps those of its domains to itself: use --domain.",
        ) from error
    return connection


def _password(user: str) -> str:
    known = os.environ.get(PASSWORD_VARIABLE)
    if known is not None:
        return known
    if not sys.stdin.isatty():
        raise ControlChannelError(
            f"log on to the guest as {user}",
            "no password is set, and there is no terminal to ask for it",
            f"Set the environment variable {PASSWORD_VARIABLE}.",
        )
    try:
        return getpass.getpass(f"Password of {user} in the guest: ")
    except EOFError as error:
        raise ControlChannelError(
            f"log on to the guest as {user}",
            "no password was given",
            f"Enter it when asked, or set the environment variable {PASSWORD_VARIABLE}.",
        ) from error
