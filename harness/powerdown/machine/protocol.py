"""The interface to a running guest, independent of how its QEMU is started and controlled."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.images.image import Budgets, Image
from powerdown.machine.activity import Activity
from powerdown.machine.events import EventStream
from powerdown.machine.screen_sample import ScreenSample
from powerdown.machine.shutdown_mode import ShutdownMode

POWER_BUTTON_BIT = 1 << 8
"""PWRBTN_STS and PWRBTN_EN: bit 8 of both PM1 event registers (ACPI 6.5, 4.8.4.1)."""

_UNMAPPED = 0xFFFF


@dataclass(frozen=True)
class Pm1Sample:
    """One reading of the ACPI PM1 event registers.

    :param at: seconds on the host-monotonic clock, taken after the reading.
    :param status: PM1_STS, 16 bits.
    :param enable: PM1_EN, 16 bits.
    """

    at: float
    status: int
    enable: int

    @property
    def mapped(self) -> bool:
        """Whether the register block is mapped; it is not until firmware has placed it."""
        return not (self.status == _UNMAPPED and self.enable == _UNMAPPED)

    @property
    def button_armed(self) -> bool:
        """Whether the guest has enabled the power button; QEMU drops a press otherwise."""
        return self.mapped and bool(self.enable & POWER_BUTTON_BIT)

    @property
    def press_pending(self) -> bool:
        """Whether a press is latched that the guest has not acknowledged yet."""
        return self.mapped and bool(self.status & POWER_BUTTON_BIT)

    def __str__(self) -> str:
        return f"PM1_STS={self.status:#06x} PM1_EN={self.enable:#06x}"


class RunState(StrEnum):
    """QEMU's run states that matter for a verdict (qapi/run-state.json)."""

    RUNNING = "running"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    SHUTDOWN = "shutdown"
    GUEST_PANICKED = "guest-panicked"
    IO_ERROR = "io-error"
    INTERNAL_ERROR = "internal-error"
    WATCHDOG = "watchdog"
    PRELAUNCH = "prelaunch"
    INMIGRATE = "inmigrate"
    OTHER = "other"


class Machine(Protocol):
    """One guest on a host until its QEMU ends, whoever started it.

    Calls raise :class:`MachineError` when QEMU has ended or refuses.
    """

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def budgets(self) -> Budgets:
        """Its time limits."""

    @property
    def vcpus(self) -> int:
        """The number of its virtual CPUs."""

    @property
    def events(self) -> EventStream:
        """Everything observed from outside."""

    @property
    def started_at(self) -> float:
        """When the guest's CPUs started, on the host-monotonic clock.

        For a guest that was already running: when its QEMU was started or, if that is not known,
        when the harness attached to it.
        """

    def press_power_button(self) -> float:
        """Press the ACPI power button and return the time just before the command was sent.

        That QEMU answers and emits POWERDOWN proves nothing about the guest.
        """

    def probe_pm1(self) -> Pm1Sample:
        """Read the ACPI PM1 event registers."""

    def run_state(self) -> RunState:
        """QEMU's current run state."""

    def screenshot(self, path: Path) -> Path:
        """Save the screen as PNG."""

    def activity(self) -> Activity:
        """CPU time and disk traffic of the guest so far, in any run state."""

    def sample_screen(self) -> ScreenSample:
        """Whether the screen has changed and whether it is dark, in any run state."""

    def wake(self) -> None:
        """Wake a sleeping guest: QMP ``system_wakeup`` (qapi/machine.json).

        It raises :class:`MachineError` for a guest that is not in S3.
        """

    def press_keys(self, *chord: str) -> None:
        """Press keys in this order, hold them together, release them: QMP ``input-send-event``.

        A paused guest does not receive them; a guest in S3 wakes.

        :param chord: one to four names of QEMU's ``QKeyCode`` (qapi/ui.json), as in
            ``press_keys("alt", "f4")``. A key named again is released and pressed again while the
            others are held: ``press_keys("ctrl_r", "scroll_lock", "scroll_lock")``.
        """

    def inject_nmi(self) -> None:
        """Send every CPU a non-maskable interrupt: QMP ``inject-nmi`` (qapi/machine.json)."""

    def hang_cpus(self) -> None:
        """Make every CPU spin with interrupts off, for good, whatever the guest does.

        The guest must be running. It is stopped briefly several times, which causes ``STOP`` and
        ``RESUME`` events. Takes less than a second, or a few while a CPU of the guest sleeps.
        """

    def quit(self, deadline: Deadline) -> None:
        """Cut the power in an orderly way: QMP ``quit``."""

    def kill(self, deadline: Deadline) -> None:
        """Cut the power as a host crash does: SIGKILL to QEMU."""

    def reset(self) -> float:
        """Press the reset button (QMP ``system_reset``) and return the time just before."""

    def pause(self) -> None:
        """Stop the guest's CPUs (QMP ``stop``)."""

    def resume(self) -> None:
        """Resume the guest's CPUs (QMP ``cont``)."""

    def close(self) -> None:
        """Release it; never raises, may be called twice.

        A guest that the harness started is ended and its run directory removed. An external guest
        keeps running.
        """


class AgentRefused(MachineError):
    """The guest agent answered a request with an error; ``actual`` is its message."""


class AgentProxy(Protocol):
    """Forwards requests to the guest agent over a connection that someone else holds."""

    def __call__(self, request: str, deadline: Deadline) -> str:
        """Send a request, as JSON, and return the answer, as JSON.

        :raise AgentRefused: the agent answered with an error.
        :raise MachineError: there is no answer.
        """


class ExternalMachine(Machine, Protocol):
    """A guest that the harness did not start, and the ways to its guest agent."""

    @property
    def agent_proxy(self) -> AgentProxy | None:
        """The way to the guest agent where its port is held by libvirt; ``None`` otherwise."""

    def find_agent_socket(self) -> Path | None:
        """The host's end of the agent's port, if it is a UNIX socket that can be used."""


class BootedMachine(Machine, Protocol):
    """A guest that the harness started from an image, on a disk of its own."""

    @property
    def image(self) -> Image:
        """The image it was started from."""

    @property
    def overlay(self) -> Path:
        """The disk it writes to; QEMU's tools can read it once the machine is off or stopped."""

    @property
    def control_address(self) -> tuple[str, int]:
        """Loopback host and port that are forwarded to the guest's control port."""

    @property
    def agent_socket(self) -> socket.socket | None:
        """The host's end of the guest agent's port; ``None`` where there is none, or where the
        agent is reached through :attr:`agent_proxy`."""

    @property
    def agent_proxy(self) -> AgentProxy | None:
        """The way to the guest agent where libvirt holds its port; ``None`` otherwise."""

    def ask_to_shut_down(self, mode: ShutdownMode) -> float:
        """Request a shutdown in one of libvirt's modes and return the time just before.

        :raise MachineError: also where that mode is not available.
        """

    @property
    def pid(self) -> int | None:
        """QEMU's process id on this host; ``None`` once it has ended, or where it is not known."""

    def transcripts(self) -> list[Path]:
        """Logs of the traffic with QEMU and the guest, as far as written."""

    def save(self, devices: Path) -> float:
        """Save the state of the guest except its memory file and its disk.

        The guest must be paused; then call :meth:`quit`, which completes the files.

        :return: seconds since the guest's CPUs started.
        :raise HostError: the file cannot be written.
        """
