"""Starting QEMU for a guest, wired to the harness by sockets that have no name.

Only the harness and QEMU hold their ends, so that the end of either closes them.
"""

from __future__ import annotations

import shlex
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HostError
from harness.images.image import Firmware, Image
from harness.machine.accelerator import Accelerator
from harness.machine.command_line import Wiring, command_line
from harness.machine.events import EventStream
from harness.machine.firmware import uefi_flash
from harness.machine.monitor import Monitor
from harness.machine.process import QemuProcess
from harness.machine.saved_state import MemoryFile
from harness.machine.serial_log import SerialLog
from harness.machine.tpm import Tpm


@dataclass(frozen=True)
class TranscriptFiles:
    """Where everything said by and to one QEMU is written.

    :param directory: the machine's own.
    """

    directory: Path

    @property
    def command(self) -> Path:
        """The command line."""
        return self.directory / "command.txt"

    @property
    def qmp(self) -> Path:
        """The traffic of both monitors."""
        return self.directory / "qmp.jsonl"

    @property
    def serial(self) -> Path:
        """What the guest wrote to its first serial port."""
        return self.directory / "serial.log"

    @property
    def stderr(self) -> Path:
        """What QEMU complained of."""
        return self.directory / "stderr.log"

    @property
    def tpm(self) -> Path:
        """What the TPM complained of."""
        return self.directory / "tpm.log"

    def written(self) -> list[Path]:
        """Those that hold something by now."""
        files = (self.command, self.qmp, self.serial, self.stderr, self.tpm)
        return [file for file in files if file.is_file() and file.stat().st_size > 0]


@dataclass(frozen=True)
class Launched:
    """A QEMU that was started; its monitor has not been greeted yet."""

    monitor: Monitor
    serial: SerialLog
    process: QemuProcess


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
    :param memory: where the guest's memory lies; QEMU's own if not given.
    :param incoming: wait for the state of a saved guest.
    :raise HostError: a program or firmware is not installed, or there is no room.
    """
    flash = None
    if image.firmware is Firmware.UEFI:
        flash = uefi_flash(variables_beside(overlay))
    # QEMU's ends go first: what hangs on them then ends by itself.
    with ExitStack() as on_failure, ExitStack() as qemus_ends:
        pairs = [socket.socketpair() for _ in range(4 if image.tpm else 3)]
        for ours, qemus in pairs:
            on_failure.enter_context(ours)
            qemus_ends.enter_context(qemus)
        ours_commands, ours_events, ours_serial, *tpms = (ours for ours, _ in pairs)
        descriptors = [qemus.fileno() for _, qemus in pairs]
        wiring = Wiring(
            overlay,
            commands=descriptors[0],
            events=descriptors[1],
            serial=descriptors[2],
            tpm=descriptors[3] if image.tpm else None,
            flash=flash,
            memory=memory,
            incoming=incoming,
        )
        command = command_line(image, wiring, accelerator)
        try:
            files.command.write_text(f"{shlex.join(command)}\n")
            monitor = Monitor(ours_commands, ours_events, events, files.qmp)
            on_failure.callback(monitor.close)
            log = SerialLog(ours_serial, files.serial)
            on_failure.callback(log.close)
            tpm = Tpm(tpms[0], tpm_beside(overlay), files.tpm) if tpms else None
            if tpm is not None:
                on_failure.callback(tpm.end)
                tpms[0].close()
        except OSError as error:
            raise HostError(
                f"write to {files.directory}", str(error), "Make room there."
            ) from error

        def drain() -> None:
            monitor.drain()
            log.drain()
            if tpm is not None:
                tpm.end()

        process = QemuProcess(command, descriptors, files.stderr, events, drain)
        on_failure.pop_all()
        return Launched(monitor, log, process)


def variables_beside(overlay: Path) -> Path:
    """Where the UEFI variables of the guest on ``overlay`` are kept."""
    return overlay.with_suffix(".efivars")


def tpm_beside(overlay: Path) -> Path:
    """Where the TPM of the guest on ``overlay`` keeps its state."""
    return overlay.with_suffix(".tpm")
