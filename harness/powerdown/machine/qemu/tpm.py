"""A TPM 2.0 in software for one machine: the program swtpm, which QEMU talks to.

QEMU hands it the channel for the guest's commands over the control channel
(qemu:docs/specs/tpm.rst). When a guest is saved its TPM's whole state goes along with that of the
devices, and a clone's TPM begins with it.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from threading import Event

from powerdown.core.errors import HostError
from powerdown.machine.qemu.process import BoundProcess

SWTPM = "swtpm"

_LEAVE_SECONDS = 0.5
"""From QEMU's end to its own: milliseconds, but for one that QEMU never got to use."""

_KILL_SECONDS = 10.0
"""From SIGKILL to the end of the process."""


class Tpm:
    """One swtpm. It ends by itself when QEMU has ended.

    :param control: its end of the channel that QEMU controls it by; the caller may close it then.
    :param state: directory for what it keeps without power, made if need be.
    :param messages: file for its standard error.
    :raise HostError: it is not installed.
    :raise OSError: its directory cannot be made.
    """

    def __init__(self, control: socket.socket, state: Path, messages: Path) -> None:
        if shutil.which(SWTPM) is None:
            raise HostError(
                "start the image's TPM",
                f"{SWTPM} is not installed",
                "Install the package swtpm, or use tpm = false if the image does without.",
            )
        state.mkdir(mode=0o700, exist_ok=True)
        self._ended = Event()
        descriptor = control.fileno()
        command = [SWTPM, "socket", "--tpm2", "--terminate"]
        self._process = BoundProcess(
            [*command, "--ctrl", f"type=unixio,clientfd={descriptor}"],
            [descriptor],
            messages,
            lambda _: self._ended.set(),
            # Not as an option, because paths may hold commas.
            {"TPM_PATH": str(state)},
        )

    def end(self) -> None:
        """Have it ended, after QEMU; never raises, may be called twice.

        What the guest has stored is on disk whenever the guest was told so.
        """
        if not self._ended.wait(_LEAVE_SECONDS):
            self._process.kill()
            self._ended.wait(_KILL_SECONDS)
