"""Operations on any guest whose QEMU answers QMP, however it was started."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Picture

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.acpi import AcpiProbe
from powerdown.machine.activity import Activity, read_activity
from powerdown.machine.cpu_hang import hang_cpus
from powerdown.machine.events import EventStream, named
from powerdown.machine.keys import press_chord
from powerdown.machine.protocol import Pm1Sample, RunState
from powerdown.machine.qmp import Qmp
from powerdown.machine.screen import save_picture, take_screen
from powerdown.machine.screen_sample import ScreenSample, ScreenSampler

COMMAND_SECONDS = 15.0
"""One monitor command; QEMU answers within milliseconds unless the host is overloaded."""

_HANG_SECONDS = 10.0
"""For hanging the guest's CPUs, including one that sleeps for half of that."""


class MonitoredMachine:
    """The part of :class:`Machine` that is implemented with QMP.

    :param qmp: commands for its QEMU.
    :param events: everything observed from outside.
    """

    def __init__(self, qmp: Qmp, events: EventStream) -> None:
        self._qmp = qmp
        self._events = events
        self._probe = AcpiProbe(qmp)
        self._screen_sampler = ScreenSampler(self._take_screen)

    @property
    def events(self) -> EventStream:
        """Everything observed from outside."""
        return self._events

    @property
    def pid(self) -> int | None:
        """QEMU's process id on this host; ``None`` once it has ended, or where it is not known."""
        raise NotImplementedError

    def press_power_button(self) -> float:
        """Press the ACPI power button and return the time just before the command was sent."""
        at = now()
        try:
            self._send_press()
        except MachineError:
            # A guest can be off before QEMU has answered; the event proves the press.
            if self._events.first(named("POWERDOWN"), since=at) is None:
                raise
        return at

    def probe_pm1(self) -> Pm1Sample:
        """Read the ACPI PM1 event registers."""
        return self._probe.read(Deadline.after(COMMAND_SECONDS))

    def run_state(self) -> RunState:
        """QEMU's current run state."""
        answer = self._execute("query-status")
        state = answer.get("status") if isinstance(answer, dict) else None
        try:
            return RunState(str(state))
        except ValueError:
            return RunState.OTHER

    def screenshot(self, path: Path) -> Path:
        """Save the screen as PNG."""
        return save_picture(self._take_screen(Deadline.after(COMMAND_SECONDS)), path)

    def activity(self) -> Activity:
        """CPU time and disk traffic of the guest so far, in any run state."""
        return read_activity(self._qmp, self.pid, Deadline.after(COMMAND_SECONDS))

    def sample_screen(self) -> ScreenSample:
        """Whether the screen has changed and whether it is dark, in any run state."""
        return self._screen_sampler.look(Deadline.after(COMMAND_SECONDS))

    def wake(self) -> None:
        """Wake a sleeping guest: QMP ``system_wakeup``."""
        self._execute("system_wakeup")

    def press_keys(self, *chord: str) -> None:
        """Press keys in this order, hold them together, release them."""
        press_chord(self._qmp, chord, Deadline.after(COMMAND_SECONDS))

    def inject_nmi(self) -> None:
        """Send every CPU a non-maskable interrupt: QMP ``inject-nmi``."""
        self._execute("inject-nmi")

    def hang_cpus(self) -> None:
        """Make every CPU spin with interrupts off, for good."""
        state = self.run_state()
        if state is not RunState.RUNNING:
            raise MachineError(
                "hang the guest's CPUs", f"its run state is {state}", "Do it while the guest runs."
            )
        hang_cpus(self._qmp, Deadline.after(_HANG_SECONDS))

    def reset(self) -> float:
        """Press the reset button (QMP ``system_reset``) and return the time just before."""
        at = now()
        self._execute("system_reset")
        return at

    def pause(self) -> None:
        """Stop the guest's CPUs (QMP ``stop``)."""
        self._execute("stop")

    def resume(self) -> None:
        """Resume the guest's CPUs (QMP ``cont``)."""
        self._execute("cont")

    def _send_press(self) -> None:
        self._execute("system_powerdown")

    def _take_screen(self, deadline: Deadline) -> Picture.Image:
        return take_screen(self._qmp, deadline)

    def _execute(self, command: str) -> object:
        return self._qmp.execute(command, None, Deadline.after(COMMAND_SECONDS))
