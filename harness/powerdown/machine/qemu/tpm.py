"""A software TPM 2.0 for one machine: the program swtpm, which QEMU connects to.

QEMU passes it the channel for the guest's commands over the control channel
(qemu:docs/specs/tpm.rst). When a guest is saved, the whole TPM state is saved with that of the
devices, and a clone's TPM starts from it.
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
"""From the end of QEMU to the end of swtpm; milliseconds, unless QEMU never connected."""

_KILL_SECONDS = 10.0
"""From SIGKILL to the end of the process."""


class Tpm:
    """One swtpm process. It ends by itself when QEMU has ended.

    :param control: swtpm's end of the control channel; the caller may close it afterwards.
    :param state: directory for its persistent state; created if necessary.
    :param messages: file for its standard error.
    :raise HostError: it is not installed.
    :raise OSError: the directory cannot be created.
    """

    def __init__(self, control: socket.socket, state: Path, messages: Path) -> None:
        if shutil.which(SWTPM) is None:
            raise HostError(
                "start the image's TPM",
                f"{SWTPM} is not installed",
                "Install the package swtpm, or set tpm = false if the image needs none.",
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
            # Not as an option, because paths may contain commas.
            {"TPM_PATH": str(state)},
        )

    def end(self) -> None:
        """End it, after QEMU; never raises, may be called twice.

        What swtpm has confirmed to the guest as stored is on disk.
        """
        if not self._ended.wait(_LEAVE_SECONDS):
            self._process.kill()
            self._ended.wait(_KILL_SECONDS)
