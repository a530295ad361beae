"""A machine and a guest that follow a script, so that watching can be tested without QEMU."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image as Picture

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import ControlChannelError, MachineError
from powerdown.guest.channels.channel import CommandResult, PortAnswer
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.guest_sample import GuestSample
from powerdown.guest.windows import Windows
from powerdown.images.image import (
    Budgets,
    ControlConfig,
    Disk,
    DiskBus,
    DiskFormat,
    Firmware,
    Image,
    MachineType,
    NicModel,
    Transport,
    WinrmAuthentication,
)
from powerdown.machine.activity import Activity
from powerdown.machine.events import PROCESS_EXIT, EventStream
from powerdown.machine.protocol import Pm1Sample, RunState
from powerdown.machine.screen_sample import ScreenSample

IMAGE = Image(
    name="scripted",
    definition=Path("/definitions/scripted.toml"),
    description="a guest that follows a script",
    disk=Disk(Path("/disks/scripted.qcow2"), DiskFormat.QCOW2, DiskBus.IDE),
    machine=MachineType.PC,
    firmware=Firmware.BIOS,
    memory_mib=512,
    vcpus=1,
    nic=NicModel.E1000,
    control=ControlConfig(Transport.NONE, 5985, WinrmAuthentication.BASIC, None),
    budgets=Budgets(boot=0.3, reaction=0.1, shutdown_soft=0.3, shutdown_hard=0.5, settle=0),
)

ARMED = (0x0000, 0x0120)
LATCHED = (0x0100, 0x0120)
UNARMED = (0x0000, 0x0000)


@dataclass
class ScriptedMachine:
    """Answers PM1 probes from ``pm1`` (the last one for ever) and runs ``on_press``.

    ``work`` is answered likewise when activity is asked for: CPU seconds, bytes read and bytes
    written in all; ``screens`` when the screen is looked at: digest and whether it is dark.
    What else was done to it is in ``keys``, ``wakes``, ``nmis``, ``hung`` and ``screenshots``; no
    picture is written, and those of the screen say which it is.
    """

    pm1: list[tuple[int, int]]
    on_press: Callable[[ScriptedMachine], None] = lambda machine: None
    image: Image = IMAGE
    events: EventStream = field(default_factory=EventStream)
    state: RunState = RunState.RUNNING
    presses: int = 0
    overlay: Path = Path("/nowhere/overlay.qcow2")
    # Port 9 (discard) of loopback: nothing listens there.
    control_address: tuple[str, int] = ("127.0.0.1", 9)
    agent_socket: socket.socket | None = None
    agent_proxy: None = None
    started_at: float = 0.0
    work: list[tuple[float, int, int]] = field(default_factory=lambda: [(0.0, 0, 0)])
    screens: list[tuple[str, bool]] = field(default_factory=lambda: [("desktop", False)])
    on_wake: Callable[[ScriptedMachine], None] = lambda machine: None
    keys: list[tuple[str, ...]] = field(default_factory=list)
    wakes: int = 0
    nmis: int = 0
    hung: bool = False
    screenshots: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.image.name

    @property
    def budgets(self) -> Budgets:
        return self.image.budgets

    @property
    def vcpus(self) -> int:
        return self.image.vcpus

    def press_power_button(self) -> float:
        at = now()
        self.presses += 1
        self.events.record("POWERDOWN")
        self.on_press(self)
        return at

    def probe_pm1(self) -> Pm1Sample:
        self._must_live()
        status, enable = self.pm1.pop(0) if len(self.pm1) > 1 else self.pm1[0]
        return Pm1Sample(now(), status, enable)

    def run_state(self) -> RunState:
        self._must_live()
        return self.state

    def power_off(self) -> None:
        self.events.record("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
        self.events.record(PROCESS_EXIT, {"status": 0})

    def quit(self, deadline: Deadline) -> None:
        self.events.record("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"})
        self.events.record(PROCESS_EXIT, {"status": 0})

    def kill(self, deadline: Deadline) -> None:
        self.events.record(PROCESS_EXIT, {"status": -9})

    def reset(self) -> float:
        at = now()
        self.events.record("RESET", {"guest": False, "reason": "host-qmp-system-reset"})
        return at

    def pause(self) -> None:
        self.state = RunState.PAUSED

    def resume(self) -> None:
        self.state = RunState.RUNNING

    def screenshot(self, path: Path) -> Path:
        self._must_live()
        self.screenshots.append(path.name)
        return path

    def activity(self) -> Activity:
        self._must_live()
        seconds, read, written = self.work.pop(0) if len(self.work) > 1 else self.work[0]
        return Activity(now(), seconds, seconds, read, written)

    def sample_screen(self) -> ScreenSample:
        self._must_live()
        digest, dark = self.screens.pop(0) if len(self.screens) > 1 else self.screens[0]
        picture = Picture.new("L", (1, 1))
        picture.info["digest"] = digest
        return ScreenSample(now(), digest, dark, picture)

    def wake(self) -> None:
        self._must_live()
        if self.state is not RunState.SUSPENDED:
            raise MachineError("wake the guest", f"it is {self.state}", "Let it sleep first.")
        self.wakes += 1
        self.state = RunState.RUNNING
        self.events.record("WAKEUP")
        self.on_wake(self)

    def press_keys(self, *chord: str) -> None:
        self._must_live()
        self.keys.append(chord)

    def inject_nmi(self) -> None:
        self._must_live()
        self.nmis += 1

    def hang_cpus(self) -> None:
        self._must_live()
        self.hung = True
        self.events.record("STOP")
        self.events.record("RESUME")

    def close(self) -> None:
        self.events.record(PROCESS_EXIT, {"status": 0})

    def _must_live(self) -> None:
        if self.events.exit is not None:
            raise MachineError("ask QEMU", "it has ended", "Start it again.")


class ScriptedWindows(Windows):
    """The inside of a guest: answers ``baseline`` and ``sample`` with values, commands by ``run``.

    :param baseline: what is read before; an error is raised.
    :param sample: makes each look, by the number of those before it; what it raises is raised.
    """

    def __init__(
        self,
        baseline: GuestBaseline | Exception,
        sample: Callable[[int], GuestSample] = lambda count: GuestSample(now(), (), (), ()),
        alive: bool = True,
    ) -> None:
        self.scripted = ScriptedChannel({}, alive)
        super().__init__(self.scripted)
        self._baseline = baseline
        self._sample = sample
        self.allowed: list[float] = []
        self.asked_by: set[str] = set()
        self.asked_after: set[int] = set()

    def baseline(self, seconds: float = 0.0) -> GuestBaseline:
        if isinstance(self._baseline, Exception):
            raise self._baseline
        return self._baseline

    def sample(self, after_record: int, seconds: float = 0.0) -> GuestSample:
        self.asked_by.add(threading.current_thread().name)
        self.asked_after.add(after_record)
        self.allowed.append(seconds)
        return self._sample(len(self.allowed) - 1)

    def run(self, command: str, seconds: float = 0.0) -> CommandResult:
        return self.channel.run(command, Deadline.after(1.0))


class ScriptedChannel:
    """Answers commands by their first words; unknown ones fail as in cmd.exe."""

    # Port 9 (discard) of loopback: nothing listens there.
    address = ("127.0.0.1", 9)
    runs_as_system = False

    def __init__(self, answers: dict[str, str], alive: bool = True) -> None:
        self.scripted = answers
        self.alive = alive
        self.commands: list[str] = []
        self.interrupted = threading.Event()

    def run(self, command: str, deadline: Deadline) -> CommandResult:
        if not self.alive:
            raise ControlChannelError(f"run {command!r}", "the guest is gone", "Wait.")
        self.commands.append(command)
        for start, output in self.scripted.items():
            if command.startswith(start):
                return CommandResult(command, 0, output, "")
        return CommandResult(command, 1, "", "not recognized")

    def answers(self, deadline: Deadline) -> PortAnswer | None:
        return PortAnswer() if self.alive else None

    def interrupt(self) -> None:
        self.interrupted.set()

    def close(self) -> None:
        self.alive = False
