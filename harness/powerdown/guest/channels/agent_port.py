"""The connection to a QEMU guest agent, through QEMU's chardev or libvirt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError
from powerdown.core.text import blanked

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
"""One message of an agent. Both streams of a command may be as large as the channel takes
(:data:`MAX_OUTPUT_BYTES`), and base64 adds a third."""

_QUOTED_CHARACTERS = 300
"""Of what an agent said, in a message."""

_TURNED_OFF = ("disabled", "not allowed")
_UNKNOWN = ("commandnotfound", "has not been found", "not currently supported")


class AgentPort(Protocol):
    """Calls of the agent in one guest (qemu:docs/interop/qemu-ga-ref).

    Fit for several threads, which wait for each other.
    """

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        """Call the agent; what it returns, which may be anything.

        :raise ControlChannelError: there is no way to the agent, or it refuses: see
            :func:`refused`.
        :raise DeadlineExpired: it does not answer, as when none runs in the guest.
        """

    def interrupt(self) -> None:
        """Interrupt what another thread waits for in :meth:`execute`, which then fails; never
        raises. A port that cannot do so lets the call run into its deadline."""


def refused(command: str, said: str) -> ControlChannelError:
    """The error for a call that the agent answered with an error.

    An agent whose configuration blocks a command says that it "has been disabled"; one that does
    not know it, that it "has not been found" (qemu:qapi/qmp-dispatch.c).

    :param said: the agent's text.
    """
    shown = quoted(said)
    words = said.lower()
    if any(word in words for word in _TURNED_OFF):
        return ControlChannelError(
            f"call {command} of the guest agent",
            f"the agent's configuration blocks it ({shown})",
            f"Take {command} off block-rpcs (older agents: blacklist) in the guest's qemu-ga.conf "
            "or service arguments and restart the agent, or use another [control] transport.",
        )
    if any(word in words for word in _UNKNOWN):
        return ControlChannelError(
            f"call {command} of the guest agent",
            f"the agent does not know it ({shown})",
            "Install a newer guest agent (guest-exec came with 2.5).",
        )
    return ControlChannelError(
        f"call {command} of the guest agent", f"it refuses: {shown}", "See the guest's event log."
    )


def quoted(said: str) -> str:
    """An agent's text: short, and safe for a terminal.

    >>> quoted("no\\x1b[2Jthing")
    'no [2Jthing'
    """
    return blanked(said, _QUOTED_CHARACTERS)
