"""pywinrm's HTTP, confined to one guest that is not trusted.

Every answer is bounded in size and time, and nothing that the guest answers, nor anything in the
environment, makes the harness talk to another address.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.util import wait_for_read
from winrm.exceptions import WinRMTransportError
from winrm.transport import Transport

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError
from powerdown.guest.channels.bounded_socket import Allowance, BoundedSocket
from powerdown.images.image import Credentials, WinrmAuthentication

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""WinRM's own limit is 500 KB an envelope (MaxEnvelopeSizekb); this is far above it."""

_CHUNK_BYTES = 64 * 1024


class BoundedAdapter(HTTPAdapter):
    """Sends and receives within :attr:`deadline` and :data:`MAX_ANSWER_BYTES` an answer."""

    def __init__(self) -> None:
        self.deadline = Deadline.after(0.0)
        self._allowance = Allowance(MAX_ANSWER_BYTES)
        self._socket: BoundedSocket | None = None
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pool of connections, all of them bounded."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _pool_of(self._connected)}

    @property
    def connection_lost(self) -> bool:
        """Whether the connection used last cannot be used again."""
        used = self._socket
        # Readable when nothing was asked: closed by the guest, or nonsense.
        return used is None or used.fileno() < 0 or wait_for_read(used, timeout=0.0)

    def interrupt(self) -> None:
        """Cut the connection used last, from any thread; never raises."""
        used = self._socket
        if used is not None:
            with contextlib.suppress(OSError):
                used.shutdown(socket.SHUT_RDWR)

    def _connected(self, connected: socket.socket) -> BoundedSocket:
        self._socket = BoundedSocket(connected, self._allowance)
        return self._socket

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send ``request`` and read its answer within the bounds.

        :raise ControlChannelError: the answer is too large, compressed, or a redirection.
        :raise requests.RequestException: it did not arrive in time, or is not HTTP.
        """
        self._allowance.renew(self.deadline)
        # A small compressed answer can hold a huge one; WinRM does not compress.
        request.headers["Accept-Encoding"] = "identity"
        response = super().send(request, stream=True, timeout=self._allowance.seconds_left)
        try:
            if 300 <= response.status_code < 400:
                raise _refused(f"it redirects (HTTP status {response.status_code})")
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise _refused("it is compressed, which was not asked for")
            response._content = b"".join(response.raw.stream(_CHUNK_BYTES, decode_content=False))
        except BaseException:
            response.close()
            raise
        return response


class GuestTransport(Transport):
    """pywinrm's transport to one guest over plain HTTP; sends through ``adapter`` only.

    :param endpoint: URL of the guest's WinRM.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Credentials,
        authentication: WinrmAuthentication,
        adapter: BoundedAdapter,
    ) -> None:
        super().__init__(
            endpoint=endpoint,
            username=credentials.user,
            password=credentials.password,
            auth_method=authentication.value,
            # There is no TLS: no certificate to check, and no channel to bind NTLM to.
            server_cert_validation="ignore",
            send_cbt=False,
            proxy=None,
        )
        self._adapter = adapter

    def build_session(self) -> requests.Session:
        """The one session, confined."""
        return self._confined(super().build_session())

    def setup_encryption(self, session: requests.Session) -> None:
        """Agree on keys; ``build_session`` of pywinrm calls this, and it talks to the guest."""
        super().setup_encryption(self._confined(session))

    def close_session(self) -> None:
        """Drop the session and the keys agreed on in it."""
        super().close_session()
        self.encryption = None

    def send_message(self, message: str | bytes) -> bytes:
        """Send a SOAP envelope; its answer's XML.

        :raise ControlChannelError: the XML holds declarations: a hostile guest could make the
            parser expand entities.
        """
        # The keys are those of one connection, which Windows closes when it is idle.
        if self.encryption is not None and self._adapter.connection_lost:
            self.close_session()
        try:
            answer: bytes = super().send_message(message)
        except WinRMTransportError as error:
            _refuse_declarations(error.response_text)
            raise
        _refuse_declarations(answer.decode("utf-8", errors="replace"))
        return answer

    def _confined(self, session: requests.Session) -> requests.Session:
        # No proxy, netrc or certificate bundle of the environment.
        session.trust_env = False
        session.adapters.clear()
        session.mount(self.endpoint, self._adapter)
        return session


def _pool_of(bound: Callable[[socket.socket], BoundedSocket]) -> Callable[..., HTTPConnectionPool]:
    class Connection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock = bound(self.sock)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    return Pool


def _refuse_declarations(xml: str) -> None:
    # A NUL: UTF-16, in which "<!" would be overlooked. Every other encoding that expat knows
    # has both characters where ASCII has them.
    if "<!" in xml or "\0" in xml:
        raise _refused("its XML holds declarations or is not UTF-8")


def _refused(actual: str) -> ControlChannelError:
    return ControlChannelError(
        "read an answer from the guest",
        actual,
        "Something else than WinRM may listen on the guest's control port.",
    )
