"""What the rest of the harness may ask of a running guest, whatever runs it."""

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
        """Whether the register block answers: before firmware has placed it, it does not."""
        return not (self.status == _UNMAPPED and self.enable == _UNMAPPED)

    @property
    def button_armed(self) -> bool:
        """Whether the guest has enabled the power button; QEMU drops a press otherwise."""
        return self.mapped and bool(self.enable & POWER_BUTTON_BIT)

    @property
    def press_pending(self) -> bool:
        """Whether a press was latched that the guest has not acknowledged yet."""
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
    """One guest on a host, whoever has started it, until the end of its QEMU.

    Calls raise :class:`MachineError` when QEMU is gone or refuses.
    """

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def budgets(self) -> Budgets:
        """How long it may take."""

    @property
    def vcpus(self) -> int:
        """How many virtual CPUs it has."""

    @property
    def events(self) -> EventStream:
        """Everything seen of it from outside."""

    @property
    def started_at(self) -> float:
        """When the guest's CPUs started, on the host-monotonic clock.

        Of one that was running when it was found: when its QEMU was started, or when it was found
        where that is not known.
        """

    def press_power_button(self) -> float:
        """Press the ACPI power button; the time just before the command was sent.

        That QEMU answers and emits POWERDOWN proves nothing about the guest.
        """

    def probe_pm1(self) -> Pm1Sample:
        """Read the ACPI PM1 event registers."""

    def run_state(self) -> RunState:
        """QEMU's run state now."""

    def screenshot(self, path: Path) -> Path:
        """Save the screen as PNG."""

    def activity(self) -> Activity:
        """What its CPUs and its system disk have done so far, in any run state."""

    def sample_screen(self) -> ScreenSample:
        """Whether the screen has changed and whether it is dark, in any run state."""

    def wake(self) -> None:
        """Wake a sleeping guest: QMP ``system_wakeup`` (qapi/machine.json).

        It raises :class:`MachineError` for one that is not in S3.
        """

    def press_keys(self, *chord: str) -> None:
        """Press keys in this order, hold them together, release them: QMP ``input-send-event``.

        They go to the guest's keyboard; one that is paused gets nothing, one in S3 wakes.

        :param chord: one to four names of QEMU's ``QKeyCode`` (qapi/ui.json), as in
            ``press_keys("alt", "f4")``. A key named again is released and pressed again while the
            others are held: ``press_keys("ctrl_r", "scroll_lock", "scroll_lock")``.
        """

    def inject_nmi(self) -> None:
        """Send every CPU a non-maskable interrupt: QMP ``inject-nmi`` (qapi/machine.json)."""

    def hang_cpus(self) -> None:
        """Make every CPU spin with interrupts off, for good, whatever the guest does.

        Only of a running guest. It stops for moments, which gives ``STOP`` and ``RESUME`` events.
        Takes less than a second, or a few while a CPU of the guest sleeps.
        """

    def quit(self, deadline: Deadline) -> None:
        """Cut the power the way a host does in an orderly manner: QMP ``quit``."""

    def kill(self, deadline: Deadline) -> None:
        """Cut the power as a host crash does: SIGKILL to QEMU."""

    def reset(self) -> float:
        """Press the reset button: QMP ``system_reset``; the time just before it was sent."""

    def pause(self) -> None:
        """Stop the guest's CPUs (QMP ``stop``)."""

    def resume(self) -> None:
        """Let the guest's CPUs go on (QMP ``cont``)."""

    def close(self) -> None:
        """Let go of it; never raises, may be called twice.

        A guest that the harness has started ends with this, and its run directory is removed. One
        that was found running goes on.
        """


class AgentRefused(MachineError):
    """The guest agent answered a request with an error; ``actual`` is what it said."""


class AskAgent(Protocol):
    """Passes on one request to the guest agent."""

    def __call__(self, request: str, deadline: Deadline) -> str:
        """Send a request, as JSON; the answer, as JSON.

        :raise AgentRefused: the agent answered with an error.
        :raise MachineError: there is no answer.
        """


class FoundMachine(Machine, Protocol):
    """A guest that somebody else has started, with what it may have of a guest agent."""

    @property
    def ask_agent(self) -> AskAgent | None:
        """Asks the guest agent, where somebody keeps its port who passes requests on."""

    def find_agent_socket(self) -> Path | None:
        """Where the host's end of the agent's port is, if it is a UNIX socket that can be used."""


class BootedMachine(Machine, Protocol):
    """A guest that the harness has started itself, from an image, on a disk of its own."""

    @property
    def image(self) -> Image:
        """What it runs."""

    @property
    def overlay(self) -> Path:
        """The disk it writes to; readable with QEMU's tools once the machine is off or stopped."""

    @property
    def control_address(self) -> tuple[str, int]:
        """Loopback host and port that reach the guest's control port."""

    @property
    def agent_socket(self) -> socket.socket | None:
        """The host's end of the guest agent's port; ``None`` where there is none, or where the
        agent is reached in another way."""

    @property
    def ask_agent(self) -> AskAgent | None:
        """That other way, where somebody else keeps the port."""

    def ask_to_shut_down(self, mode: ShutdownMode) -> float:
        """Ask as libvirt does; the time just before.

        :raise MachineError: besides, where that mode cannot be had.
        """

    @property
    def pid(self) -> int | None:
        """QEMU's process id on this host; ``None`` once it has ended, or where it is not known."""

    def transcripts(self) -> list[Path]:
        """What was said by and to QEMU and the guest, as far as written."""

    def save(self, devices: Path) -> float:
        """Write what the guest is, paused, but for its memory file and its disk.

        Pause it before; after this only :meth:`quit` makes sense, which completes the files.

        :return: seconds since the guest's CPUs started.
        :raise HostError: the file cannot be written.
        """
