"""The control channel over WinRM, which every Windows has.

One remote shell serves all commands: opening one costs Windows a process and three round trips.
After each command the guest is told to forget it: what is not forgotten stays in the shell, and
Windows lets a user have 1500 operations (learn: Installation and configuration for Windows Remote
Management, MaxConcurrentOperationsPerUser). That costs a third round trip: 13 ms in an emulated
guest whose commands take 23 ms, measured on the stand-in.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from urllib3.exceptions import HTTPError
from winrm.exceptions import (
    InvalidCredentialsError,
    WinRMError,
    WinRMOperationTimeoutError,
    WinRMTransportError,
)
from winrm.protocol import Protocol

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError, CredentialsRejected, PowerdownError
from powerdown.core.text import blanked
from powerdown.guest.channels.bounded_socket import Allowance, connect
from powerdown.guest.channels.bounded_transport import (
    MAX_ANSWER_BYTES,
    BoundedAdapter,
    GuestTransport,
)
from powerdown.guest.channels.channel import CommandResult, PortAnswer, quoted
from powerdown.images.image import ControlConfig

_OPERATION_SECONDS = 10
"""How long the guest may hold one request for output before it answers "still running"."""

_TERMINATE_SECONDS = 2.0
"""For telling the guest to end or to forget a command, whatever time the command has left."""

_UTF8_CODE_PAGE = 65001

_STATUS_START = b"HTTP/"
_MOST_OF_A_LINE = 1024
_MOST_LINES = 50
_DATE = "date:"
_QUOTED_CHARACTERS = 300
"""Of what a guest said, in a message."""


class WinrmChannel:
    """Commands through WS-Management (a :class:`GuestChannel`).

    :param address: loopback host and port that reach the guest's WinRM port.
    :param control: the image's control section; must have credentials.
    """

    def __init__(self, address: tuple[str, int], control: ControlConfig) -> None:
        if control.credentials is None:
            raise ControlChannelError(
                "open a WinRM channel", "the image defines no credentials", "Add [control] user."
            )
        user, password = control.credentials.user, control.credentials.password
        self._address = address
        self._user = user
        self._endpoint = f"http://{address[0]}:{address[1]}/wsman"
        self._shell: str | None = None
        self._adapter = BoundedAdapter()
        self._protocol = Protocol(
            endpoint=self._endpoint,
            username=user,
            password=password,
            operation_timeout_sec=_OPERATION_SECONDS,
            read_timeout_sec=2 * _OPERATION_SECONDS,
        )
        self._protocol.transport = GuestTransport(
            self._endpoint, control.credentials, control.authentication, self._adapter
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that reach the guest's WinRM port."""
        return self._address

    @property
    def runs_as_system(self) -> bool:
        """They run as the user of the image's definition."""
        return False

    def answers(self, deadline: Deadline) -> PortAnswer | None:
        """What the control port answers to a stranger; 401 is as good an answer as any.

        The guest's clock is in the header ``Date``, which RFC 9110, 6.6.1 asks of a server that
        has a clock; for http.sys and the 401 of WinRM: fact:http-date-header.
        """
        allowance = Allowance(MAX_ANSWER_BYTES)
        allowance.renew(deadline)
        host, port = self._address
        request = (
            f"POST /wsman HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        try:
            with connect(self._address, allowance) as connection:
                connection.sendall(request.encode("ascii"))
                with connection.makefile("rb") as answer:
                    status = answer.readline(_MOST_OF_A_LINE)
                    if not status.startswith(_STATUS_START):
                        return None
                    return PortAnswer(_clock_ahead(_header_lines(answer)))
        except OSError:
            return None

    def run(self, command: str, deadline: Deadline) -> CommandResult:
        """Run one ``cmd.exe`` command line and wait for its end.

        :raise ControlChannelError: the guest is unreachable, refuses or sends an invalid answer.
        :raise DeadlineExpired: the command did not end in time; it is told to terminate.
        """
        with self._errors_of(command, deadline):
            self._adapter.deadline = deadline
            if self._shell is None:
                self._shell = self._protocol.open_shell(codepage=_UTF8_CODE_PAGE)
            shell = self._shell
            running = self._protocol.run_command(shell, command)
            result = self._result_of(shell, running, command, deadline)
        if not self._terminate(shell, running):
            self.close()
        return result

    def interrupt(self) -> None:
        """Cut the connection under a call in another thread, which then fails at once."""
        self._adapter.interrupt()

    def close(self) -> None:
        """Drop the connection. The shell is left to Windows' idle timeout: the guest may be off."""
        self._shell = None
        with contextlib.suppress(Exception):
            self._protocol.transport.close_session()

    def _result_of(
        self, shell: str, running: str, command: str, deadline: Deadline
    ) -> CommandResult:
        output, error_output, size = [], [], 0
        done, exit_code = False, -1
        while not done:
            try:
                out, err, exit_code, done = self._protocol.get_command_output_raw(shell, running)
            except WinRMOperationTimeoutError:
                # WinRM's way to say "no output yet, still running".
                out, err = b"", b""
            except (OSError, HTTPError):
                # Of either kind, depending on the place at which time ran out.
                if deadline.expired:
                    self._terminate(shell, running)
                raise
            output.append(out)
            error_output.append(err)
            size += len(out) + len(err)
            if size > MAX_ANSWER_BYTES:
                self._terminate(shell, running)
                raise ControlChannelError(
                    f"read the output of {quoted(command)}",
                    f"it is larger than {MAX_ANSWER_BYTES} bytes",
                    "The guest misbehaves, or the command prints too much.",
                )
            if not done and deadline.expired:
                self._terminate(shell, running)
                raise deadline.expire(
                    f"the end of {quoted(command)} in the guest",
                    "it still runs",
                    "Allow it more time.",
                )
        return CommandResult(command, exit_code, _text(output), _text(error_output))

    def _terminate(self, shell: str, running: str) -> bool:
        """Have the guest end a command that runs, and forget it ([MS-WSMV], Signal).

        Never raises; whether the guest still talks. What it says does not matter: its next answer
        will tell.
        """
        self._adapter.deadline = Deadline.after(_TERMINATE_SECONDS)
        try:
            self._protocol.cleanup_command(shell, running)
        except (OSError, HTTPError, PowerdownError):
            return False
        except Exception:
            # pywinrm raises almost anything for a strange answer.
            return True
        return True

    @contextlib.contextmanager
    def _errors_of(self, command: str, deadline: Deadline) -> Iterator[None]:
        """Turn whatever goes wrong into one error, and let the next command begin afresh."""
        try:
            yield
        except Exception as error:
            self.close()
            if isinstance(error, PowerdownError):
                raise
            raise self._meaning(error, command, deadline) from error

    def _meaning(self, error: Exception, command: str, deadline: Deadline) -> PowerdownError:
        action = f"run {quoted(command)} over WinRM at {self._endpoint}"
        said = blanked(str(error), _QUOTED_CHARACTERS)
        if isinstance(error, InvalidCredentialsError):
            return CredentialsRejected(
                action,
                f"the guest rejects the credentials of {self._user!r}",
                "Check [control] user and password, and that Basic is allowed "
                '(winrm set winrm/config/service/auth @{Basic="true"}).',
            )
        # requests.RequestException is an OSError. What a late answer fails with depends on the
        # place that was reached.
        if isinstance(error, (OSError, HTTPError)) and deadline.expired:
            return deadline.expire(
                f"an answer to {quoted(command)} over WinRM",
                f"no answer ({said})",
                "Allow it more time.",
            )
        if isinstance(error, (OSError, HTTPError)):
            return ControlChannelError(
                action, f"the connection failed ({said})", "The guest may be down or restarting."
            )
        if isinstance(error, (WinRMError, WinRMTransportError)):
            return ControlChannelError(
                action, f"the guest answered with a fault ({said})", "See its WinRM event log."
            )
        # pywinrm parses with ElementTree and looks elements up without checks: an answer that is
        # none can raise almost anything.
        return ControlChannelError(
            action,
            f"the answer is not WS-Management ({type(error).__name__}: {said})",
            "Something else may listen on the guest's control port.",
        )


def _text(pieces: list[bytes]) -> str:
    return b"".join(pieces).decode("utf-8", errors="replace").replace("\r\n", "\n")


def _header_lines(answer: BinaryIO) -> Iterator[str]:
    for _ in range(_MOST_LINES):
        line = answer.readline(_MOST_OF_A_LINE).decode("latin-1").strip()
        if not line:
            return
        yield line


def _clock_ahead(header: Iterable[str]) -> float | None:
    """Seconds the clock that set the ``Date`` of a response is ahead of the host's UTC."""
    for line in header:
        if line.lower().startswith(_DATE):
            try:
                told = parsedate_to_datetime(line[len(_DATE) :])
                return told.timestamp() - time.time()
            except (ValueError, TypeError, OverflowError):
                return None
    return None
