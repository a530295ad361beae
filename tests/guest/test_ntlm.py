"""NTLM with sealed messages, as Windows asks for unless AllowUnencrypted is set."""

from __future__ import annotations

import base64
import socket
import struct
from pathlib import Path

import pytest
import spnego

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError, CredentialsRejected
from powerdown.images.image import WinrmAuthentication
from tests.support.hostile_server import Exchange, HostileServer, answer, envelope
from tests.support.modelled_guest import OpenChannel

PATIENCE = 15.0
SEALED = b"application/HTTP-SPNEGO-session-encrypted"
BOUNDARY = b"--Encrypted Boundary"


class NtlmGuest:
    """Authenticates connections, and unseals and seals messages ([MS-WSMV] 2.2.9.1)."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = content or envelope()
        self.contexts: dict[socket.socket, spnego.ContextProxy] = {}
        self.opened: list[bytes] = []

    def __call__(self, exchange: Exchange) -> None:
        head, _, body = exchange.request.partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        token = fields.get(b"Authorization", b"").removeprefix(b"Negotiate ")
        context = self.contexts.get(exchange.connection)
        if context is None or not context.complete:
            if not token:
                return self._challenge(exchange, b"")
            if context is None:
                context = spnego.server(protocol="ntlm")
                self.contexts[exchange.connection] = context
            try:
                challenge = context.step(base64.b64decode(token))
            except spnego.exceptions.SpnegoError:
                del self.contexts[exchange.connection]
                return self._challenge(exchange, b"")
            if not context.complete:
                return self._challenge(exchange, base64.b64encode(challenge or b""))
        if not body:
            return exchange.send(answer(b""))
        sealed = body.split(b"\tContent-Type: application/octet-stream\r\n", 1)[1]
        sealed = sealed.removesuffix(BOUNDARY + b"--\r\n")
        (length,) = struct.unpack_from("<i", sealed)
        self.opened.append(context.unwrap(sealed[4:]).data)
        assert length == 16
        exchange.send(self._seal(context))
        return None

    def _challenge(self, exchange: Exchange, token: bytes) -> None:
        words = b"Negotiate " + token
        header = f"WWW-Authenticate: {words.decode().strip()}\r\n"
        exchange.send(answer(b"", "401 Unauthorized", header))

    def _seal(self, context: spnego.ContextProxy) -> bytes:
        body = b"\r\n".join(
            [
                BOUNDARY,
                b"\tContent-Type: " + SEALED,
                b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d"
                % len(self.content),
                BOUNDARY,
                b"\tContent-Type: application/octet-stream",
                struct.pack("<i", 16) + context.wrap(self.content).data + BOUNDARY + b"--",
                b"",
            ]
        )
        head = (
            b'HTTP/1.1 200 OK\r\nContent-Type: multipart/encrypted;protocol="' + SEALED + b'";'
            b'boundary="Encrypted Boundary"\r\nContent-Length: %d\r\n\r\n' % len(body)
        )
        return head + body


@pytest.fixture(autouse=True)
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "accounts"
    path.write_text(":tester:Powerdown-1\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(path))


def test_commands_go_sealed(open_channel: OpenChannel) -> None:
    guest = NtlmGuest()
    with HostileServer(guest) as server:
        channel = open_channel(server.address, authentication=WinrmAuthentication.NTLM)
        for _ in range(2):
            result = channel.run("secret command", Deadline.after(PATIENCE))
            assert result.output == "understood\n"
        assert server.connections == 1, "one authenticated connection serves all"
        assert not any(b"secret command" in request for request in server.requests)
    assert sum(b"secret command" in message for message in guest.opened) == 2


def test_a_channel_that_was_closed_agrees_on_new_keys(open_channel: OpenChannel) -> None:
    with HostileServer(NtlmGuest()) as server:
        channel = open_channel(server.address, authentication=WinrmAuthentication.NTLM)
        for _ in range(2):
            assert channel.run("ver", Deadline.after(PATIENCE)).exit_code == 0
            channel.close()
        assert server.connections == 2


def test_a_wrong_password_is_told_apart(open_channel: OpenChannel) -> None:
    with HostileServer(NtlmGuest()) as server:
        channel = open_channel(
            server.address, password="Wrong-7", authentication=WinrmAuthentication.NTLM
        )
        with pytest.raises(CredentialsRejected, match="'tester'"):
            channel.run("ver", Deadline.after(PATIENCE))


def test_sealed_xml_with_declarations_is_refused(open_channel: OpenChannel) -> None:
    guest = NtlmGuest(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    with HostileServer(guest) as server:
        channel = open_channel(server.address, authentication=WinrmAuthentication.NTLM)
        with pytest.raises(ControlChannelError, match="declarations"):
            channel.run("ver", Deadline.after(PATIENCE))


def test_a_connection_dropped_while_idle_does_not_cost_a_command(
    open_channel: OpenChannel,
) -> None:
    guest = NtlmGuest()
    with HostileServer(guest) as server:
        channel = open_channel(server.address, authentication=WinrmAuthentication.NTLM)
        channel.run("ver", Deadline.after(PATIENCE))
        for connection in guest.contexts:
            connection.shutdown(socket.SHUT_RDWR)
        assert channel.run("ver", Deadline.after(PATIENCE)).output == "understood\n"
