"""Starting QEMU for a guest, connected to the harness by unnamed sockets.

Only the harness and QEMU hold them, so that they close when either ends.
"""

from __future__ import annotations

import shlex
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.errors import HostError
from powerdown.images.image import Firmware, Image, Transport
from powerdown.machine.accelerator import Accelerator
from powerdown.machine.events import EventStream
from powerdown.machine.monitor import Monitor
from powerdown.machine.qemu.command_line import Wiring, command_line
from powerdown.machine.qemu.firmware import uefi_flash
from powerdown.machine.qemu.process import QemuProcess
from powerdown.machine.qemu.serial_log import SerialLog
from powerdown.machine.qemu.tpm import Tpm
from powerdown.machine.saved_state import MemoryFile

_COMMANDS, _EVENTS, _SERIAL, _TPM, _AGENT = "commands", "events", "serial", "tpm", "agent"


@dataclass(frozen=True)
class TranscriptFiles:
    """Paths of the logs of one QEMU.

    :param directory: the machine's run directory.
    """

    directory: Path

    @property
    def command(self) -> Path:
        """The command line."""
        return self.directory / "command.txt"

    @property
    def qmp(self) -> Path:
        """The traffic of both monitor connections."""
        return self.directory / "qmp.jsonl"

    @property
    def serial(self) -> Path:
        """The output of the guest's first serial port."""
        return self.directory / "serial.log"

    @property
    def stderr(self) -> Path:
        """QEMU's standard error."""
        return self.directory / "stderr.log"

    @property
    def tpm(self) -> Path:
        """swtpm's standard error."""
        return self.directory / "tpm.log"

    def written(self) -> list[Path]:
        """The files that are not empty."""
        files = (self.command, self.qmp, self.serial, self.stderr, self.tpm)
        return [file for file in files if file.is_file() and file.stat().st_size > 0]


@dataclass(frozen=True)
class Launched:
    """A QEMU that was started, and its monitor, which is not connected yet.

    :param agent: the host's end of the guest agent's port, where the image has one.
    """

    monitor: Monitor
    serial: SerialLog
    process: QemuProcess
    agent: socket.socket | None = None


def launch(
    image: Image,
    accelerator: Accelerator,
    overlay: Path,
    files: TranscriptFiles,
    events: EventStream,
    *,
    memory: MemoryFile | None = None,
    incoming: bool = False,
) -> Launched:
    """Start the process.

    :param overlay: the disk it writes to; UEFI variables and the TPM's state are kept beside it.
    :param memory: file with the guest's memory; ``None`` for anonymous memory.
    :param incoming: wait for the state of a saved guest.
    :raise HostError: a program or firmware is not installed, or there is no room.
    """
    flash = None
    if image.firmware is Firmware.UEFI:
        flash = uefi_flash(variables_beside(overlay))
    # QEMU's ends are closed first; threads that read from the sockets then end by themselves.
    with ExitStack() as on_failure, ExitStack() as qemus_ends:
        ours: dict[str, socket.socket] = {}
        descriptors: dict[str, int] = {}
        for name in _sockets(image):
            end, qemus_end = socket.socketpair()
            ours[name] = on_failure.enter_context(end)
            descriptors[name] = qemus_ends.enter_context(qemus_end).fileno()
        wiring = Wiring(
            overlay,
            commands=descriptors[_COMMANDS],
            events=descriptors[_EVENTS],
            serial=descriptors[_SERIAL],
            tpm=descriptors.get(_TPM),
            agent=descriptors.get(_AGENT),
            flash=flash,
            memory=memory,
            incoming=incoming,
        )
        command = command_line(image, wiring, accelerator)
        try:
            files.command.write_text(f"{shlex.join(command)}\n")
            monitor = Monitor(ours[_COMMANDS], ours[_EVENTS], events, files.qmp)
            on_failure.callback(monitor.close)
            log = SerialLog(ours[_SERIAL], files.serial)
            on_failure.callback(log.close)
            tpm = Tpm(ours[_TPM], tpm_beside(overlay), files.tpm) if image.tpm else None
            if tpm is not None:
                on_failure.callback(tpm.end)
                ours[_TPM].close()
        except OSError as error:
            raise HostError(
                f"write to {files.directory}", str(error), "Check free space and permissions."
            ) from error

        def drain() -> None:
            monitor.drain()
            log.drain()
            if tpm is not None:
                tpm.end()

        process = QemuProcess(command, [*descriptors.values()], files.stderr, events, drain)
        on_failure.pop_all()
        return Launched(monitor, log, process, ours.get(_AGENT))


def _sockets(image: Image) -> list[str]:
    """Names of the sockets that connect QEMU and the harness for this image."""
    return [
        *(_COMMANDS, _EVENTS, _SERIAL),
        *([_TPM] if image.tpm else []),
        *([_AGENT] if image.control.transport is Transport.GUEST_AGENT else []),
    ]


def variables_beside(overlay: Path) -> Path:
    """The file for the UEFI variables of the guest on ``overlay``."""
    return overlay.with_suffix(".efivars")


def tpm_beside(overlay: Path) -> Path:
    """The directory for the TPM state of the guest on ``overlay``."""
    return overlay.with_suffix(".tpm")
