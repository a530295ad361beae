"""Talking to one QEMU in QMP, whoever holds the connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from powerdown.core.deadline import Deadline


class HasDescriptor(Protocol):
    """An open socket or file."""

    def fileno(self) -> int:
        """Its file descriptor."""


class Qmp(Protocol):
    """Commands for one QEMU; every call raises :class:`MachineError` when QEMU is
    gone or about to go, refuses, or does not answer in time."""

    def execute(
        self, command: str, arguments: Mapping[str, object] | None, deadline: Deadline
    ) -> object:
        """Run a QMP command; what it returns."""

    def human(self, command_line: str, deadline: Deadline) -> str:
        """Run a command of the human monitor; what it prints."""

    def pass_fd(self, name: str, end: HasDescriptor, deadline: Deadline) -> None:
        """Give QEMU a socket or file, which QMP commands then know as descriptor ``name``.

        :param end: what QEMU gets; the caller closes its own handle of it.
        """
