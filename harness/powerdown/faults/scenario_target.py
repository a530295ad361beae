"""The guest of a scenario for injections and remedies: always the one that runs now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import ControlChannelError
from powerdown.disk.damage import destroy_boot_sector
from powerdown.disk.offline_registry import edit_registry
from powerdown.guest.guest import Guest
from powerdown.guest.probe_programs import ProbeProgram
from powerdown.guest.windows import Windows
from powerdown.images.image import Image
from powerdown.machine.events import POWER_IS_OFF, PROCESS_EXIT, HostEvent, named
from powerdown.machine.fault_watch import FaultWatch
from powerdown.machine.protocol import Machine, RunState
from powerdown.scenario.scenario import Scenario
from powerdown.windows import commands
from powerdown.windows.registry_edit import RegistryEdit

_ENDS = named("RESET", "SHUTDOWN", PROCESS_EXIT)

_LATE = 10.0
"""A shutdown that outlives its hard budget ends within this many times the budget, or not."""

_EXIT_SECONDS = 10.0
"""Time allowed for QEMU to end after its guest has powered off."""

_EDIT_SECONDS = 60.0
"""For reading some hives of a disk and writing a few sectors of them."""


class ScenarioTarget:
    """A :class:`FaultTarget`: the guest of a scenario that runs now.

    :param scenario: boots further guests and records what is done.
    :param guest: the guest, ready; ``None`` for a fault that starts its own.
    """

    def __init__(self, scenario: Scenario, guest: Guest | None = None) -> None:
        self._scenario = scenario
        self._guest = guest
        self._since = now()

    @property
    def image(self) -> Image:
        """What the guest runs."""
        return self._scenario.image

    @property
    def guest(self) -> Guest:
        """The guest that runs now."""
        if self._guest is None:
            raise RuntimeError("no guest was started yet: boot one and pass it, or boot_fresh()")
        return self._guest

    @property
    def machine(self) -> Machine:
        """The guest from outside."""
        return self.guest.machine

    @property
    def windows(self) -> Windows:
        """The guest from inside.

        :raise NotOnThisGuest: it has no control channel.
        """
        return self.guest.expect_windows()

    def upload(self, program: ProbeProgram) -> str:
        """Compile a probe program if need be and copy it into the guest; its path there."""
        return self.windows.upload(self._scenario.probe_program(program))

    def restart(self) -> None:
        """Restart from inside and wait until it is ready.

        :raise DeadlineExpired: it did not restart, or did not get ready.
        :raise HostFault: QEMU stopped it because the host failed; so may all that wait for it.
        """
        guest, since = self.guest, now()
        budgets = self.image.budgets
        deadline = Deadline.after(budgets.shutdown_hard * _LATE)
        try:
            self.windows.run(commands.RESTART).checked()
        except ControlChannelError:
            # The answer may be cut off by the very restart it starts; else none is seen.
            deadline = deadline.at_most(budgets.shutdown_hard)
        with guest.time.counted():
            watch = FaultWatch(guest.machine, f"restart {self.image.name}")
            ended = watch.wait(_ENDS, deadline, since)
        if ended is None or ended.name != "RESET":
            raise deadline.expire(
                f"{self.image.name} restart when told to",
                "nothing" if ended is None else str(ended),
                "Run it in the guest by hand; look at the screenshot.",
            )
        self._scenario.wait_until_ready(guest, "restart")
        self._started(guest)

    def wake(self) -> None:
        """Wake it from sleep and wait until it is ready.

        :raise MachineError: it does not sleep.
        """
        self.guest.machine.wake()
        self._scenario.wait_until_ready(self.guest, "wake")
        self._started(self.guest)

    def wait_until_ready(self) -> None:
        """Wait until it can be pressed and asked, as after a restart of its own."""
        self._scenario.wait_until_ready(self.guest)
        self._started(self.guest)

    def wait_until_ended(self) -> None:
        """Wait until the shutdown under way has powered it off or restarted it.

        :raise DeadlineExpired: it did neither in many times its hard budget.
        """
        deadline = Deadline.after(self.image.budgets.shutdown_hard * _LATE)
        if self._end(deadline) is None:
            raise deadline.expire(
                f"the shutdown of {self.image.name} come to an end",
                "it goes on",
                "Look at the screenshot.",
            )

    def ends_soon(self) -> bool:
        """Whether the shutdown under way comes to its end within the soft budget."""
        return self._end(Deadline.after(self.image.budgets.shutdown_soft)) is not None

    def boot_again(self) -> None:
        """Cut the power if it is still on, start the same disk and wait until it is ready."""
        self._started(self._scenario.boot_again(self.guest))

    def boot_fresh(self, *, wait: bool = True) -> None:
        """Cut the power, and start with a new disk."""
        self._cut_power()
        self._started(self._scenario.boot() if wait else self._scenario.power_on())

    def boot_unbootable(self) -> None:
        """Cut the power, and start with a new disk whose boot sector is destroyed."""
        self._cut_power()
        self._started(self._scenario.power_on(destroy_boot_sector))

    def boot_edited(self, edits: Sequence[RegistryEdit]) -> None:
        """Cut the power, and start with a new disk whose registry was changed so before.

        :raise DiskError: the disk's registry cannot be changed.
        """
        self._cut_power()
        guest = self._scenario.power_on(lambda overlay: _edit(overlay, edits))
        self._scenario.wait_until_ready(guest)
        self._started(guest)

    def shut_down(self) -> None:
        """Shut it down in order, from inside.

        :raise DeadlineExpired: it does not power off.
        """
        self.get_up()
        guest = self.guest
        if guest.machine.run_state() is RunState.SUSPENDED:
            self.wake()
        since, deadline = now(), Deadline.after(self.image.budgets.shutdown_hard)
        # The answer may be cut off by the very shutdown it starts.
        with suppress(ControlChannelError):
            self.windows.run(commands.SHUT_DOWN).checked()
        with guest.time.counted():
            watch = FaultWatch(guest.machine, f"shut {self.image.name} down from inside")
            ended = watch.wait(named(PROCESS_EXIT), deadline, since)
        if ended is None:
            raise deadline.expire(
                f"{self.image.name} power off when told to from inside",
                "it is still on",
                "Run it in the guest by hand; look at the screenshot.",
            )

    def edit(self, edits: Sequence[RegistryEdit]) -> None:
        """Change the registry on the disk of a guest that is off; :meth:`boot_again` starts it.

        :raise DiskError: it cannot be changed.
        """
        self._cut_power()
        _edit(self.guest.machine.overlay, edits)

    def get_up(self) -> None:
        """Bring it back to where it can be asked, if it has ended, crashed or restarted.

        A guest that sleeps, hangs or is on its way down is left as it is.
        """
        machine = self.guest.machine
        # Waits only for a QEMU that ends already: it answers no more, and finishes its disk.
        ended = self._end(Deadline.after(0.0))
        state = None if machine.events.first(POWER_IS_OFF) else machine.run_state()
        if state in (None, RunState.SHUTDOWN, RunState.GUEST_PANICKED):
            self.boot_again()
        elif ended is not None and ended.name == "RESET":
            self.wait_until_ready()

    def _cut_power(self) -> None:
        if self._guest is not None:
            self._guest.close()

    def _end(self, deadline: Deadline) -> HostEvent | None:
        """How it has ended since it was last ready, waiting for that if need be."""
        guest = self.guest
        with guest.time.counted():
            watch = FaultWatch(guest.machine, f"wait for {self.image.name} to end")
            ended = watch.wait(_ENDS, deadline, self._since)
            if ended is not None and ended.name == "SHUTDOWN":
                guest.machine.events.wait(named(PROCESS_EXIT), Deadline.after(_EXIT_SECONDS))
        return ended

    def _started(self, guest: Guest) -> None:
        self._guest = guest
        self._since = now()


def _edit(overlay: Path, edits: Sequence[RegistryEdit]) -> None:
    edit_registry(overlay, edits, Deadline.after(_EDIT_SECONDS))
