"""Monitors one attempt to end a guest: baseline before, samples from outside and inside, result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import CredentialsRejected, MachineError, PowerdownError
from powerdown.guest.channels.channel import CommandResult
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.windows import Windows
from powerdown.machine.events import MONITOR_LOST, POWER_IS_OFF, PROCESS_EXIT, HostEvent, named
from powerdown.machine.protocol import Machine, Pm1Sample, RunState
from powerdown.machine.screen_sample import ScreenSample
from powerdown.shutdown.control_watch import ControlWatch
from powerdown.shutdown.inside_watch import InsideWatch
from powerdown.shutdown.observation import ChannelState, Command, Observation
from powerdown.shutdown.outside_watch import OutsideWatch
from powerdown.shutdown.port_watch import PortWatch
from powerdown.shutdown.screen_reading import ScreenReading

Settled = Callable[[Observation], bool]
"""Whether the observation so far decides the attempt, so that waiting longer would add nothing."""

ObservationListener = Callable[[Observation], None]
"""Called with the observation so far, repeatedly while the guest is watched."""

_END_EVENTS = named("SHUTDOWN", "RESET", "SUSPEND", "GUEST_PANICKED", PROCESS_EXIT)


def ends(event: HostEvent) -> bool:
    """Whether an attempt has its result with this event.

    SUSPEND_DISK is followed by SHUTDOWN. A disk error that QEMU passes on to the guest
    (BLOCK_IO_ERROR with another action than ``stop``) ends nothing.
    """
    stopped_by_disk = event.name == "BLOCK_IO_ERROR" and event.data.get("action") == "stop"
    lost = event.name == MONITOR_LOST and event.data.get("for_good") is True
    return stopped_by_disk or lost or _END_EVENTS(event)


_LATCH_SECONDS = 0.004
"""Between samples at the PM1 latch, which a healthy guest clears within some 10 ms."""

_PORT_SECONDS = 5.0
"""Time for the control port to answer at all."""

_SURVEY_REACTIONS = 6
"""Time for the baseline before the command, in ``reaction`` budgets: it is some twenty programs."""

_LONGEST_ROUND = 1.0
"""Seconds between samples from outside; an image that reacts fast is sampled more often."""

_LONGEST_PAUSE = 10.0
"""Seconds between samples inside; an image that shuts down fast is sampled more often."""

_STOPPED_STATES = (
    *(RunState.SUSPENDED, RunState.GUEST_PANICKED, RunState.PAUSED),
    *(RunState.INTERNAL_ERROR, RunState.IO_ERROR),
)
"""Run states in which nothing inside can answer: the CPUs are stopped."""


class ShutdownMonitor:
    """Collects what is observed of an attempt and decides when that is enough.

    :param machine: the guest from outside.
    :param windows: the guest from inside; ``None`` to watch from outside only.
    :param is_conclusive: called after every sample.
    :param listener: called with every sample.
    :ivar answer: what a command inside answered.
    :ivar notes: what could not be observed and why.
    """

    def __init__(
        self,
        machine: Machine,
        windows: Windows | None,
        is_conclusive: Settled,
        listener: ObservationListener | None = None,
    ) -> None:
        self._machine = machine
        self._windows = windows
        self._settled = is_conclusive
        self._onlooker = listener
        self._is_settled = False
        self._began_at = now()
        self._round = min(_LONGEST_ROUND, machine.budgets.reaction / 6)
        self._run_state_before = _run_state(machine)
        self._woken_before = _was_woken(machine)
        self._baseline: GuestBaseline | None = None
        self._answered_before = False
        self._rejected = False
        self._inside: InsideWatch | None = None
        self._outside = OutsideWatch(machine)
        self._screens = ScreenReading()
        self._screen_before: ScreenSample | None = None
        self._pm1_after: list[Pm1Sample] = []
        self.answer: CommandResult | None = None
        self.notes: list[str] = []
        self._look_before()

    def control_watched(self) -> AbstractContextManager[object]:
        """Watch for the loss of the control port while the block runs."""
        if self._windows is None or not self._answered_before:
            return nullcontext()
        channel = self._windows.channel
        if channel.address is None:
            return PortWatch(self._machine.events)
        return ControlWatch(channel.address, channel.answers, self._machine.events)

    @contextmanager
    def inside_watched(self) -> Iterator[None]:
        """Sample from inside while the block runs; nothing else may use the control channel."""
        if self._windows is None or self._baseline is None:
            yield
            return
        budgets = self._machine.budgets
        longest = min(_LONGEST_PAUSE, budgets.shutdown_soft / 4)
        watch = InsideWatch(
            self._windows, self._baseline.last_record, budgets.reaction / 2, longest
        )
        watch.start()
        self._inside = watch
        try:
            yield
        finally:
            if self._machine.events.first(POWER_IS_OFF):
                watch.abandon()
            else:
                mute = self.ended(self._began_at) is not None or self._stands_still()
                watch.stop(interrupt=mute)

    def ended(self, since: float) -> HostEvent | None:
        """The event that settled the attempt, if there is one."""
        return self._machine.events.first(ends, since=since)

    def follow_latch(self, since: float) -> None:
        """Read PM1 until the guest took the press or ended, or its time to react is over.

        A machine whose CPUs are stopped cannot take it: one sample is enough.
        """
        deadline = Deadline.after(self._machine.budgets.reaction)
        while not self.ended(since) and self._sample_latch():
            if deadline.expired or self._run_state_before in _STOPPED_STATES:
                return
            self._machine.events.wait(ends, deadline.at_most(_LATCH_SECONDS), since=since)

    def sample_outside(self, seconds: float, since: float) -> None:
        """Sample from outside, and PM1; sends nothing to the guest."""
        deadline = Deadline.after(seconds)
        while not self.ended(since) and not deadline.expired:
            self._outside.sample()
            self._sample_latch()
            self._machine.events.wait(ends, deadline.at_most(self._round), since=since)

    def press_again(self, since: float) -> None:
        """Press a second time and follow that press too."""
        try:
            self._machine.press_power_button()
        except MachineError as error:
            # The guest was faster; its end is then among the events.
            self.notes.append(f"second press: {error}")
            return
        self.follow_latch(since)

    def wait_for_result(self, observe: Callable[[], Observation], since: float) -> None:
        """Wait for the end of the guest, for a settled observation, or for the budget.

        :param observe: what is seen so far.
        """
        events, budgets = self._machine.events, self._machine.budgets
        hard = Deadline(at=since + budgets.shutdown_hard, allowed=budgets.shutdown_hard)
        self._show(observe)
        ended = events.wait(ends, hard.at_most(self._round), since=since)
        while ended is None and not hard.expired and not self._stands_still():
            self._show(observe)
            self._outside.sample()
            if self._pm1_after and self._pm1_after[-1].press_pending:
                # A guest that is only slow takes it late.
                self._sample_latch()
            if now() - since >= budgets.reaction / 2:
                self._read_ahead()
            if now() - since >= budgets.reaction and self._settled(observe()):
                self._is_settled = True
                break
            ended = events.wait(ends, hard.at_most(self._round), since=since)

    def observe(
        self,
        command: Command,
        commanded_at: float,
        pm1_before: Pm1Sample | None = None,
    ) -> Observation:
        """The observation up to now."""
        samples = () if self._inside is None else self._inside.samples
        failure = "" if self._inside is None else self._inside.failure
        silence = [f"the guest did not answer at the last try: {failure}"] if failure else []
        forgotten = self._machine.events.forgotten.items()
        gaps = [f"{count} events {name} came besides and are not kept" for name, count in forgotten]
        ended = self.ended(commanded_at)
        return Observation(
            command=command,
            commanded_at=commanded_at,
            ended_at=now() if ended is None else ended.at,
            budgets=self._machine.budgets,
            vcpus=self._machine.vcpus,
            powered_on_at=self._machine.started_at,
            pm1_before=pm1_before,
            pm1_after=tuple(self._pm1_after),
            events=self._machine.events.since(commanded_at),
            run_state_before=self._run_state_before,
            run_state=_run_state(self._machine),
            woken_before=self._woken_before,
            control=self._control(),
            baseline=self._baseline,
            samples=samples,
            answer=self.answer,
            activity=tuple(self._outside.activity),
            screens=tuple(self._outside.screens),
            notes=(*self.notes, *self._outside.notes, *gaps, *silence),
        )

    def conclude(self, observe: Callable[[], Observation], since: float) -> Observation:
        """The complete observation, with a last sample.

        The guest is asked first: it may end meanwhile, and then that is the result.
        """
        if self.ended(since):
            return observe()
        if self._inside is not None and not self._stands_still():
            self._inside.sample_now()
            if self.ended(since):
                return observe()
        self._outside.sample()
        watched_until = now()
        obs = observe()
        is_conclusive = self._is_settled or (
            obs.run_state in _STOPPED_STATES and self._settled(obs)
        )
        # Reading takes half a second. Where it would change nothing, what has been read must do.
        before = self._read(self._screen_before, wait=not is_conclusive)
        after = self._read(self._outside.last_sample, wait=not is_conclusive)
        if self.ended(since):
            return observe()
        # Reading is the harness's own affair: nobody watched for that long.
        return replace(
            observe(), ended_at=watched_until, screen_text_before=before, screen_text=after
        )

    def _show(self, observe: Callable[[], Observation]) -> None:
        if self._onlooker is not None:
            self._onlooker(observe())

    def _read_ahead(self) -> None:
        """Begin to read the screens that are needed if the guest does not end."""
        self._screens.begin(self._screen_before)
        if self._outside.screen_is_steady:
            self._screens.begin(self._outside.last_sample)

    def _read(self, sample: ScreenSample | None, *, wait: bool) -> str | None:
        """The text on a screen; without waiting, only if it has been read already."""
        reading = self._screens.read(sample) if wait else self._screens.read_so_far(sample)
        if reading.why_not is not None:
            self._note(f"text on the screen: {reading.why_not}")
        return reading.text

    def _sample_latch(self) -> bool:
        """Whether the press is still latched. Of equal samples in a row the last is kept."""
        try:
            sample = self._machine.probe_pm1()
        except MachineError as error:
            # Most often the guest was faster than the probe; its end is then among the events.
            self._note(f"PM1: {error}")
            return False
        if len(self._pm1_after) > 1 and sample.press_pending and self._pm1_after[-1].press_pending:
            self._pm1_after.pop()
        self._pm1_after.append(sample)
        return sample.press_pending

    def _note(self, note: str) -> None:
        """Note once what could not be observed."""
        if note not in self.notes:
            self.notes.append(note)

    def _control(self) -> ChannelState:
        if self._windows is None:
            return ChannelState.NONE
        if not self._answered_before:
            return ChannelState.REJECTED if self._rejected else ChannelState.SILENT
        failed = self._inside is not None and bool(self._inside.failure)
        return ChannelState.LOST if failed else ChannelState.ALIVE

    def _look_before(self) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="outside") as aside:
            # Both take their time, and neither needs the other.
            outside = aside.submit(self._outside.sample)
            self._read_baseline()
            outside.result()
        # None if it could not be seen: one seen later may show what the command did.
        self._screen_before = self._outside.last_sample

    def _read_baseline(self) -> None:
        """The guest's baseline before the command."""
        if self._windows is None:
            self.notes.append("no control channel: observed from outside only")
            return
        if self._run_state_before in _STOPPED_STATES:
            return
        if not self._windows.channel.answers(Deadline.after(_PORT_SECONDS)):
            self.notes.append("the control port did not answer before: observed from outside only")
            return
        try:
            patience = _SURVEY_REACTIONS * self._machine.budgets.reaction
            self._baseline = self._windows.baseline(patience)
        except CredentialsRejected as error:
            self._rejected = True
            self.notes.append(f"the guest could not be asked before: {error}")
            return
        except PowerdownError as error:
            self.notes.append(f"the guest could not be asked before: {error}")
            return
        self._answered_before = True
        self.notes += self._baseline.notes

    def _stands_still(self) -> bool:
        return _run_state(self._machine) in _STOPPED_STATES


def _run_state(machine: Machine) -> RunState | None:
    """QEMU's run state; ``None`` once QEMU has ended or is about to end."""
    try:
        return None if machine.events.first(POWER_IS_OFF) else machine.run_state()
    except MachineError:
        return None


def _was_woken(machine: Machine) -> bool:
    """Whether the guest was woken from sleep and not reset since."""
    events = machine.events.since()
    return [e.name for e in events if e.name in ("WAKEUP", "RESET")][-1:] == ["WAKEUP"]
