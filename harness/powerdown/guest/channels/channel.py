"""The control channel: commands into the guest, answers out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError

_QUOTED_CHARACTERS = 200


def quoted(command: str) -> str:
    """A command line for a message; that of an upload has thousands of characters.

    >>> quoted("ver")
    "'ver'"
    """
    if len(command) <= _QUOTED_CHARACTERS:
        return repr(command)
    return f"{command[:_QUOTED_CHARACTERS]!r}... ({len(command)} characters)"


@dataclass(frozen=True)
class CommandResult:
    """What a command inside the guest answered.

    :param command: the command line as it was sent.
    :param exit_code: its exit code.
    :param output: standard output, with ``\\n`` line ends.
    :param error_output: standard error, likewise.

    >>> CommandResult("ver", 0, "Microsoft Windows", "").checked().output
    'Microsoft Windows'
    """

    command: str
    exit_code: int
    output: str
    error_output: str

    def checked(self) -> CommandResult:
        """This result, if the command succeeded.

        :raise ControlChannelError: its exit code is not 0.
        """
        if self.exit_code != 0:
            said = (self.error_output or self.output).strip() or "nothing"
            raise ControlChannelError(
                f"run {quoted(self.command)} in the guest",
                f"exit code {self.exit_code}, it said: {said[:500]}",
                "Run it in the guest by hand to see more.",
            )
        return self


@dataclass(frozen=True)
class PortAnswer:
    """That a control port answers, and what that tells of the guest.

    :param clock_ahead: seconds the guest's clock is ahead of the host's UTC, to about a second;
        ``None`` where the answer does not say what time it is.
    """

    clock_ahead: float | None = None


class GuestChannel(Protocol):
    """A way to run commands in the guest.

    Every call raises :class:`ControlChannelError` when the guest cannot be
    reached, refuses or sends an invalid answer, and :class:`DeadlineExpired` in time.
    """

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of an idle connection that ends with the service behind the channel;
        ``None`` where the end of the service is told in another way."""

    @property
    def runs_as_system(self) -> bool:
        """Whether commands run as LocalSystem, and not as whoever is logged on at the console."""

    def run(self, command: str, deadline: Deadline) -> CommandResult:
        """Run one ``cmd.exe`` command line and wait for its end."""

    def answers(self, deadline: Deadline) -> PortAnswer | None:
        """What the control port answers without being told who asks.

        :return: ``None`` if it does not answer; never raises.
        """

    def interrupt(self) -> None:
        """Interrupt what another thread waits for in :meth:`run`, which then fails; never raises.

        A call that has not begun to talk to the guest yet is not noticed.
        """

    def close(self) -> None:
        """Drop the connection; never raises."""
