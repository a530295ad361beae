"""The control channel over WinRM, which every Windows has.

One remote shell serves all commands: opening one costs Windows a process and three round trips.
"""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator

import requests
from winrm.exceptions import (
    InvalidCredentialsError,
    WinRMError,
    WinRMOperationTimeoutError,
    WinRMTransportError,
)
from winrm.protocol import Protocol

from harness.deadline import Deadline
from harness.errors import ControlChannelError
from harness.guest.bounded_transport import MAX_ANSWER_BYTES, BoundedAdapter
from harness.guest.channel import CommandResult
from harness.images.image import Control

_OPERATION_SECONDS = 10
"""How long the guest may hold one request for output before it answers "still running"."""

_UTF8_CODE_PAGE = 65001


class WinrmChannel:
    """Commands through WS-Management (a :class:`harness.guest.channel.GuestChannel`).

    :param address: loopback host and port that reach the guest's WinRM port.
    :param control: the image's control section; must have credentials.
    """

    def __init__(self, address: tuple[str, int], control: Control) -> None:
        if control.credentials is None:
            raise ControlChannelError(
                "open a WinRM channel", "the image defines no credentials", "Add [control] user."
            )
        self._address = address
        self._user = control.credentials.user
        self._endpoint = f"http://{address[0]}:{address[1]}/wsman"
        self._shell: str | None = None
        self._adapter = BoundedAdapter()
        self._protocol = Protocol(
            endpoint=self._endpoint,
            transport=control.authentication.value,
            username=control.credentials.user,
            password=control.credentials.password,
            operation_timeout_sec=_OPERATION_SECONDS,
            read_timeout_sec=2 * _OPERATION_SECONDS,
            proxy=None,
            # Plain HTTP over loopback: no certificate to check, and no CA bundle to look for.
            server_cert_validation="ignore",
        )
        # pywinrm keeps one requests session; everything it sends goes through the adapter.
        self._protocol.transport.build_session().mount("http://", self._adapter)

    def answers(self, deadline: Deadline) -> bool:
        """Whether something speaks HTTP on the control port; 401 is as good an answer as any."""
        connection = http.client.HTTPConnection(
            *self._address, timeout=max(0.01, deadline.remaining)
        )
        try:
            connection.request("POST", "/wsman", headers={"Content-Length": "0"})
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def run(self, command: str, deadline: Deadline) -> CommandResult:
        """Run one ``cmd.exe`` command line and wait for its end.

        :raise ControlChannelError: the guest is unreachable, refuses or talks nonsense.
        :raise DeadlineExpired: the command did not end in time; it is told to terminate.
        """
        with self._errors_of(command, deadline):
            self._adapter.deadline = deadline
            if self._shell is None:
                self._shell = self._protocol.open_shell(codepage=_UTF8_CODE_PAGE)
            return self._run_in_shell(self._shell, command, deadline)

    def close(self) -> None:
        """Drop the connection. The shell is left to Windows' idle timeout: the guest may be off."""
        self._shell = None
        with contextlib.suppress(Exception):
            self._protocol.transport.close_session()

    def _run_in_shell(self, shell: str, command: str, deadline: Deadline) -> CommandResult:
        running = self._protocol.run_command(shell, command)
        output, error_output, size = [], [], 0
        done, exit_code = False, -1
        while not done:
            if deadline.expired:
                self._terminate(shell, running)
                raise deadline.expire(
                    f"the end of {command!r} in the guest", "it still runs", "Allow it more time."
                )
            # WinRM's way to say "no output yet, still running".
            with contextlib.suppress(WinRMOperationTimeoutError):
                out, err, exit_code, done = self._protocol.get_command_output_raw(shell, running)
                output.append(out)
                error_output.append(err)
                size += len(out) + len(err)
                if size > MAX_ANSWER_BYTES:
                    self._terminate(shell, running)
                    raise ControlChannelError(
                        f"read the output of {command!r}",
                        f"it is larger than {MAX_ANSWER_BYTES} bytes",
                        "The guest misbehaves, or the command prints far too much.",
                    )
        return CommandResult(command, exit_code, _text(output), _text(error_output))

    def _terminate(self, shell: str, running: str) -> None:
        with contextlib.suppress(Exception):
            self._adapter.deadline = Deadline.after(2.0)
            self._protocol.cleanup_command(shell, running)

    @contextlib.contextmanager
    def _errors_of(self, command: str, deadline: Deadline) -> Iterator[None]:
        tried = f"run {command!r} over WinRM at {self._endpoint}"
        try:
            yield
        except InvalidCredentialsError as error:
            self._shell = None
            raise ControlChannelError(
                tried,
                f"the guest rejects the credentials of {self._user!r}",
                "Check [control] user and password, and that Basic is allowed "
                '(winrm set winrm/config/service/auth @{Basic="true"}).',
            ) from error
        except requests.Timeout as error:
            self._shell = None
            raise deadline.expire(
                f"an answer to {command!r} over WinRM", "no answer", "Allow it more time."
            ) from error
        except (requests.RequestException, OSError) as error:
            self._shell = None
            raise ControlChannelError(
                tried, f"the connection failed ({error})", "The guest may be down or restarting."
            ) from error
        except (WinRMError, WinRMTransportError) as error:
            self._shell = None
            raise ControlChannelError(
                tried, f"the guest answered with a fault ({error})", "See its WinRM event log."
            ) from error
        # pywinrm parses with ElementTree and looks elements up without checks.
        except (SyntaxError, StopIteration, ValueError, TypeError, AssertionError) as error:
            self._shell = None
            raise ControlChannelError(
                tried,
                f"the answer is not WS-Management ({type(error).__name__}: {error})",
                "Something else may listen on the guest's control port.",
            ) from error


def _text(pieces: list[bytes]) -> str:
    return b"".join(pieces).decode("utf-8", errors="replace").replace("\r\n", "\n")
