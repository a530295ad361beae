"""A guest in a QEMU that the harness started."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.images.image import Budgets, Image
from powerdown.machine.accelerator import Accelerator
from powerdown.machine.events import PROCESS_EXIT, EventStream, named
from powerdown.machine.monitored import MonitoredMachine
from powerdown.machine.qemu.command_line import LOOPBACK
from powerdown.machine.qemu.forwarded_port import forwarded_port
from powerdown.machine.qemu.launch import TranscriptFiles, launch
from powerdown.machine.run_directory import RunDirectory
from powerdown.machine.saved_state import MemoryFile, SavedState, load_devices, save_devices
from powerdown.machine.shutdown_mode import ShutdownMode

_START_SECONDS = 30.0
"""For the start of QEMU; it takes 0.1 s on a quiet host."""

_SAVE_SECONDS = 60.0
"""The state of CPUs and devices is some megabytes."""

_LAST_WORDS_SECONDS = 0.5
"""From QEMU closing its monitor to the end of its process."""

_KILL_SECONDS = 10.0
"""From SIGKILL to the end of the process."""


class QemuMachine(MonitoredMachine):
    """A guest in a QEMU of its own; a :class:`BootedMachine`.

    Create one with :meth:`start` or :meth:`restore`.

    The overlay is the caller's: another machine can boot from it after the end of this one. The
    run directory is the machine's own and removed by :meth:`close`; copy transcripts before.
    """

    def __init__(
        self,
        image: Image,
        accelerator: Accelerator,
        overlay: Path,
        memory: MemoryFile | None,
        *,
        incoming: bool,
    ) -> None:
        self._image = image
        self._accelerator = accelerator
        self._overlay = overlay.absolute()
        events = EventStream()
        self._directory = RunDirectory(image.name)
        self._files = TranscriptFiles(self._directory.path)
        try:
            launched = launch(
                image,
                accelerator,
                self._overlay,
                self._files,
                events,
                memory=memory,
                incoming=incoming,
            )
        except BaseException:
            self._directory.close()
            raise
        self._monitor, self._serial = launched.monitor, launched.serial
        self._process = launched.process
        self._agent = launched.agent
        super().__init__(self._monitor, events)
        self._port = 0
        self._started_at = 0.0
        self._saved_uptime: float | None = None

    @classmethod
    def start(
        cls,
        image: Image,
        accelerator: Accelerator,
        overlay: Path,
        memory: MemoryFile | None = None,
    ) -> QemuMachine:
        """Power on a guest.

        :param overlay: the qcow2 disk it writes to, new from
            :func:`create_overlay` or as an earlier guest left it. UEFI
            variables are kept beside it.
        :param memory: a file for the guest's memory; needed to :meth:`save` it later.
        :raise MachineError: QEMU does not start; the message has its status and output.
        :raise HostError: a program or firmware is not installed.
        """
        machine = cls(image, accelerator, overlay, memory, incoming=False)
        with machine._closed_on_failure():
            deadline = machine._connect()
            machine._started_at = now()
            machine._monitor.execute("cont", None, deadline)
        return machine

    @classmethod
    def restore(
        cls, image: Image, accelerator: Accelerator, overlay: Path, saved: SavedState
    ) -> QemuMachine:
        """Create a copy of a saved guest, with its CPUs stopped until :meth:`resume`.

        :param overlay: a copy of the saved guest's disk, or an overlay of it, with a copy of the
            UEFI variables beside it.
        :raise MachineError: QEMU does not start, or rejects the saved state.
        :raise HostError: a program, firmware or file is missing.
        """
        memory = MemoryFile(saved.memory, shared=False)
        machine = cls(image, accelerator, overlay, memory, incoming=True)
        with machine._closed_on_failure():
            deadline = machine._connect()
            try:
                load_devices(machine._monitor, machine._events, saved.devices, deadline)
            except MachineError as error:
                status = machine._process.wait(deadline.at_most(_LAST_WORDS_SECONDS))
                if status is None:
                    raise
                # QEMU ends when the state does not fit, and reports why only on standard error.
                raise machine._process.launch_failure(status) from error
            machine._saved_uptime = saved.uptime
        return machine

    @property
    def name(self) -> str:
        """Its name in messages."""
        return self._image.name

    @property
    def budgets(self) -> Budgets:
        """Its time limits."""
        return self._image.budgets

    @property
    def vcpus(self) -> int:
        """The number of its virtual CPUs."""
        return self._image.vcpus

    @property
    def image(self) -> Image:
        """The image it was started from."""
        return self._image

    @property
    def accelerator(self) -> Accelerator:
        """How its CPUs run."""
        return self._accelerator

    @property
    def run_directory(self) -> Path:
        """Private directory with the transcripts; removed by :meth:`close`."""
        return self._directory.path

    @property
    def overlay(self) -> Path:
        """The disk it writes to; QEMU's tools can read it once the machine is off or stopped."""
        return self._overlay

    @property
    def control_address(self) -> tuple[str, int]:
        """Loopback host and port forwarded to the guest's control port; port 0 without one."""
        return LOOPBACK, self._port

    @property
    def agent_socket(self) -> socket.socket | None:
        """The host's end of the guest agent's port; ``None`` where the image has none."""
        return self._agent

    @property
    def started_at(self) -> float:
        """When the guest's CPUs started, on the host-monotonic clock.

        For a restored guest, as if it had never been stopped.
        """
        return self._started_at

    @property
    def pid(self) -> int | None:
        """QEMU's process id, or ``None`` once it has ended."""
        return self._process.pid

    def ask_to_shut_down(self, mode: ShutdownMode) -> float:
        """Press the power button, the only mode QEMU itself has."""
        if mode is ShutdownMode.ACPI:
            return self.press_power_button()
        raise MachineError(
            f"shut {self.name} down ({mode})",
            "QEMU has no such mode",
            "Use --powerdown-backend libvirt.",
        )

    @property
    def agent_proxy(self) -> None:
        """``None``: the harness holds the agent's port."""

    def transcripts(self) -> list[Path]:
        """Command line, QMP traffic, serial output and standard error, as far as written."""
        return self._files.written()

    def quit(self, deadline: Deadline) -> None:
        """Cut the power with QMP ``quit``.

        :raise DeadlineExpired: QEMU does not end.
        """
        with contextlib.suppress(MachineError):
            # QEMU may end before it has answered.
            self._monitor.execute("quit", None, deadline)
        self._expect_end(deadline, "quit")

    def kill(self, deadline: Deadline) -> None:
        """Cut the power with SIGKILL to QEMU.

        :raise DeadlineExpired: QEMU does not end.
        """
        self._process.kill()
        self._expect_end(deadline, "SIGKILL")

    def resume(self) -> None:
        """Resume the guest's CPUs."""
        if self._saved_uptime is not None:
            self._started_at, self._saved_uptime = now() - self._saved_uptime, None
        super().resume()

    def save(self, devices: Path) -> float:
        """Save the state of the guest except its memory file and its disk.

        The guest must be paused; then call :meth:`quit`, which completes the files.

        :return: seconds since the guest's CPUs started.
        :raise MachineError: QEMU cannot save this guest; the message has the reason.
        :raise HostError: the file cannot be written.
        """
        deadline = Deadline.after(_SAVE_SECONDS)
        save_devices(self._monitor, self._events, devices, deadline)
        return now() - self._started_at

    def close(self) -> None:
        """End QEMU if it still runs and remove the run directory; may be called twice."""
        self._process.kill()
        self._process.wait(Deadline.after(_KILL_SECONDS))
        self._monitor.close()
        self._serial.close()
        if self._agent is not None:
            self._agent.close()
        self._directory.close()

    @contextlib.contextmanager
    def _closed_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _connect(self) -> Deadline:
        """Connect to the monitor and return the deadline for the rest of the start."""
        deadline = Deadline.after(_START_SECONDS)
        try:
            self._monitor.connect(deadline)
        except MachineError as error:
            status = self._process.wait(deadline.at_most(_KILL_SECONDS))
            raise self._process.launch_failure(status) from error
        if self._agent is None:
            # With a guest agent no port is forwarded.
            self._port = forwarded_port(self._monitor, deadline)
        return deadline

    def _expect_end(self, deadline: Deadline, after: str) -> None:
        if self._events.wait(named(PROCESS_EXIT), deadline) is None:
            raise deadline.expire(
                f"QEMU end after {after}",
                "it is still running",
                "Its process may hang in the host's kernel or on a slow disk.",
            )
