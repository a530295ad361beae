"""Soft shutdown: ask the guest to end and watch what it does."""

from __future__ import annotations

from harness.deadline import Deadline, now
from harness.errors import MachineError, PowerdownError
from harness.guest import commands
from harness.guest.commands import ButtonAction
from harness.guest.event_log import EventRecord
from harness.guest.power_settings import PowerButton
from harness.guest.windows import Windows
from harness.machine.events import PROCESS_EXIT, HostEvent, named
from harness.machine.protocol import Machine, Pm1Sample, RunState
from harness.shutdown.control_watch import ControlWatch
from harness.shutdown.observation import Command, Observation

_ENDS = named("SHUTDOWN", "RESET", "SUSPEND", "GUEST_PANICKED", PROCESS_EXIT)
"""Events after which an attempt has its result. SUSPEND_DISK is followed by SHUTDOWN."""

_LATCH_SECONDS = 0.004
"""Between looks at the PM1 latch, which a healthy guest clears within some 10 ms."""

_PORT_SECONDS = 5.0
"""Time for the control port to show that it answers at all."""

_EXIT_SECONDS = 10.0
"""Time allowed for QEMU to end after its guest has powered off."""


def press_power_button(
    machine: Machine, windows: Windows | None, *, second_press: bool = False
) -> Observation:
    """Press the ACPI power button and watch until the result is settled.

    It is settled when the guest ends, restarts, sleeps or crashes; when the press cannot have
    arrived; when the guest is not set to shut down and, after the image's ``reaction`` budget,
    still answers and has recorded no shutdown; or when the ``shutdown_hard`` budget is spent.

    :param windows: the inside of the guest; ``None`` to watch from outside only.
    :param second_press: press again as soon as the first press was taken.
    :raise MachineError: QEMU refuses the press.
    """
    attempt = _Attempt(machine, windows)
    with attempt.control_watch():
        pm1_before = machine.probe_pm1()
        pressed_at = machine.press_power_button()
        samples = attempt.follow_latch(pressed_at)
        if second_press and not attempt.ended(since=pressed_at):
            samples += attempt.press_again(pressed_at)
        if pm1_before.button_armed or any(sample.button_armed for sample in samples):
            attempt.wait_for_result(pressed_at)
        return attempt.conclude(Command.PRESS, pressed_at, pm1_before, samples)


def command_inside(machine: Machine, windows: Windows, command: str) -> Observation:
    """Run a shutdown command inside the guest and watch until the result is settled."""
    attempt = _Attempt(machine, windows)
    with attempt.control_watch():
        commanded_at = now()
        try:
            windows.run(command).checked()
        except PowerdownError as error:
            # The answer may be cut off by the very shutdown it starts.
            attempt.notes.append(f"{command!r}: {error}")
        attempt.wait_for_result(commanded_at)
        return attempt.conclude(Command.INSIDE, commanded_at)


class _Attempt:
    """One attempt under way: what was read before, and how to go on watching."""

    def __init__(self, machine: Machine, windows: Windows | None) -> None:
        self._machine = machine
        self._windows = windows
        self._button: PowerButton | None = None
        self._last_record: int | None = None
        self.notes: list[str] = []
        self._look_before()

    def control_watch(self) -> ControlWatch:
        """A watch for the loss of the control port."""
        return ControlWatch(self._machine.control_address, self._answers, self._machine.events)

    def ended(self, since: float) -> HostEvent | None:
        """The event that settled the attempt, if there is one."""
        return self._machine.events.first(_ENDS, since=since)

    def follow_latch(self, since: float) -> tuple[Pm1Sample, ...]:
        """Read PM1 until the guest took the press, ended, or had its time to react."""
        samples: list[Pm1Sample] = []
        deadline = Deadline.after(self._machine.image.budgets.reaction)
        while not self.ended(since):
            try:
                samples.append(self._machine.probe_pm1())
            except MachineError as error:
                # Most often the guest was faster than the probe; its end is then among the events.
                self.notes.append(f"PM1 after the press: {error}")
                break
            if not samples[-1].press_pending or deadline.expired:
                break
            self._machine.events.wait(_ENDS, deadline.at_most(_LATCH_SECONDS), since=since)
        return tuple(samples)

    def press_again(self, since: float) -> tuple[Pm1Sample, ...]:
        """Press a second time and follow that press too."""
        try:
            self._machine.press_power_button()
        except MachineError as error:
            # The guest was faster; its end is then among the events.
            self.notes.append(f"second press: {error}")
            return ()
        return self.follow_latch(since)

    def wait_for_result(self, since: float) -> None:
        """Wait for the end of the guest, for the proof that none is coming, or for the budget."""
        events, budgets = self._machine.events, self._machine.image.budgets
        hard = Deadline(at=since + budgets.shutdown_hard, allowed=budgets.shutdown_hard)
        ended = events.wait(_ENDS, hard.at_most(budgets.reaction), since=since)
        if ended is None and not self._is_ignored():
            ended = events.wait(_ENDS, hard, since=since)
        if ended is not None and ended.name == "SHUTDOWN":
            events.wait(named(PROCESS_EXIT), Deadline.after(_EXIT_SECONDS))

    def _is_ignored(self) -> bool:
        """Whether no result is coming: the setting asks for no shutdown, and none was recorded.

        A guest set to shut down gets all its time: how soon Windows records the first step of a
        shutdown is UNCONFIRMED.
        """
        if self._button is None or self._button.effective() is ButtonAction.SHUT_DOWN:
            return False
        return self._records() == ()

    def conclude(
        self,
        command: Command,
        commanded_at: float,
        pm1_before: Pm1Sample | None = None,
        pm1_after: tuple[Pm1Sample, ...] = (),
    ) -> Observation:
        """Everything seen, read for the last time.

        The guest is asked first: it may end meanwhile, and then that is the result.
        """
        ask = self.ended(commanded_at) is None
        control_after = self._answers(Deadline.after(_PORT_SECONDS)) if ask else None
        records = self._records() if ask else None
        run_state = _run_state(self._machine)
        ended = self.ended(commanded_at)
        watched_until = now() if ended is None else ended.at
        return Observation(
            command=command,
            commanded_at=commanded_at,
            ended_at=watched_until,
            budgets=self._machine.image.budgets,
            pm1_before=pm1_before,
            pm1_after=pm1_after,
            button=self._button,
            events=self._machine.events.since(commanded_at),
            run_state=run_state,
            control_before=self._last_record is not None,
            control_after=control_after,
            records=records,
            notes=tuple(self.notes),
        )

    def _look_before(self) -> None:
        if self._windows is None:
            self.notes.append("no control channel: seen from outside only")
            return
        if not self._answers(Deadline.after(_PORT_SECONDS)):
            self.notes.append("the control port did not answer before: seen from outside only")
            return
        try:
            self._button = self._windows.power_button()
            self._last_record = self._windows.last_record_id()
        except PowerdownError as error:
            self.notes.append(f"the guest could not be asked before: {error}")

    def _answers(self, deadline: Deadline) -> bool:
        return self._windows is not None and self._windows.channel.answers(deadline)

    def _records(self) -> tuple[EventRecord, ...] | None:
        """Shutdown records written since the command; ``None`` when the guest cannot be asked.

        By provider too: others use the same numbers, and theirs do not announce a shutdown.
        """
        if self._windows is None or self._last_record is None:
            return None
        if not self._answers(Deadline.after(_PORT_SECONDS)):
            return None
        try:
            found = self._windows.events(self._last_record, commands.SHUTDOWN_EVENT_IDS)
        except PowerdownError as error:
            self.notes.append(f"the event log could not be read: {error}")
            return None
        return tuple(entry for entry in found if _tells_of_shutdown(entry))


def _tells_of_shutdown(entry: EventRecord) -> bool:
    provider = commands.SHUTDOWN_PROVIDERS.get(entry.event_id, "")
    return entry.provider.lower() == provider.lower()


def _run_state(machine: Machine) -> RunState | None:
    try:
        return None if machine.events.exit else machine.run_state()
    except MachineError:
        return None
