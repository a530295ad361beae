"""QMP commands for one QEMU, independent of who holds the connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from powerdown.core.deadline import Deadline


class HasDescriptor(Protocol):
    """An open socket or file."""

    def fileno(self) -> int:
        """Its file descriptor."""


class Qmp(Protocol):
    """Commands for one QEMU; every call raises :class:`MachineError` when QEMU has
    ended or is ending, refuses the command, or does not answer in time."""

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        """Run a QMP command and return its result."""

    def human(self, command_line: str, deadline: Deadline) -> str:
        """Run a command of the human monitor and return its output."""

    def pass_fd(self, name: str, end: HasDescriptor, deadline: Deadline) -> None:
        """Pass QEMU a socket or file, which QMP commands then refer to as descriptor ``name``.

        :param end: the socket or file; the caller still closes its own handle.
        """
