"""Everything observed during one attempt to end a guest, or of one sample of it: all that
diagnosis gets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from powerdown.guest.channels.channel import CommandResult
from powerdown.guest.guest_baseline import GuestBaseline
from powerdown.guest.guest_sample import GuestSample
from powerdown.images.image import Budgets
from powerdown.machine.activity import Activity
from powerdown.machine.events import PROCESS_EXIT, HostEvent
from powerdown.machine.protocol import Pm1Sample, RunState
from powerdown.machine.screen_sample import ScreenSample
from powerdown.shutdown.guest_clock import GuestClock, Moment, guest_clock
from powerdown.shutdown.post_mortem import PostMortem
from powerdown.windows.event_records import EventRecord
from powerdown.windows.power_button import PowerButton


class Command(StrEnum):
    """What the harness itself did to end the guest."""

    PRESS = "power-button"
    INSIDE = "command-inside"
    QUIT = "quit"
    KILL = "kill"
    RESET = "reset"
    NOTHING = "nothing"
    """Nothing: it only observed."""


class ChannelState(StrEnum):
    """How far the control channel worked during an attempt."""

    NONE = "none"
    """There is none: observed from outside only."""
    REJECTED = "rejected"
    """There is one, and the guest does not accept its credentials."""
    SILENT = "silent"
    """There is one, and it did not answer before the command."""
    LOST = "lost"
    """It answered before the command and did not at the last try."""
    ALIVE = "alive"
    """It answered at the last try."""


CONTROL_CLOSED = "CONTROL_CLOSED"
"""Event recorded when the guest closed an idle connection to its control port."""

CONTROL_BACK = "CONTROL_BACK"
"""Event recorded when the control port answers after that: it was closed for another reason."""

_RESET_SECONDS = 0.05
"""Seconds from the ports that a reset closes to its event; an orderly restart ends services long
before."""

QEMU_LINGERS = "QEMU_LINGERS"
"""Event recorded when QEMU goes on long after its guest has powered off."""


@dataclass(frozen=True)
class Observation:
    """One attempt, from just before the command to the end of watching; or one sample of a guest.

    All times are seconds on the host-monotonic clock.

    :param command: what the harness did.
    :param commanded_at: when, just before it was sent.
    :param ended_at: when watching ended, or the moment up to which this was seen.
    :param budgets: the image's time limits.
    :param vcpus: number of virtual CPUs.
    :param powered_on_at: when the guest's CPUs started.
    :param pm1_before: PM1 registers just before a press.
    :param pm1_after: samples after a press, in order of time; of those in a row that show it
        latched, the first and the last.
    :param events: host events from the command on.
    :param run_state_before: QEMU's run state just before.
    :param run_state: QEMU's run state at the end; ``None`` once QEMU is gone.
    :param woken_before: whether the machine had been woken from sleep and not been reset since.
    :param control: how far the control channel worked.
    :param baseline: what the inside said of itself before; ``None`` when it could not be asked.
    :param samples: what was seen inside since the command, in order of time.
    :param answer: what a command inside answered; ``None`` without one, or when it was cut off.
    :param activity: CPU and disk totals, in order of time, the first from before the command.
    :param screens: the screen, likewise; of equal samples in a row only first and last are kept.
    :param screen_text: text on the screen at the end, where it could be read; a guest can show
        anything, so it is a hint.
    :param screen_text_before: likewise just before the command.
    :param notes: what could not be observed and why, one line each.
    :param post_mortem: what the disk says after the power went off; ``None`` when it was not read.
    """

    command: Command
    commanded_at: float
    ended_at: float
    budgets: Budgets
    vcpus: int = 1
    powered_on_at: float = 0.0
    pm1_before: Pm1Sample | None = None
    pm1_after: tuple[Pm1Sample, ...] = ()
    events: tuple[HostEvent, ...] = ()
    run_state_before: RunState | None = None
    run_state: RunState | None = None
    woken_before: bool = False
    control: ChannelState = ChannelState.NONE
    baseline: GuestBaseline | None = None
    samples: tuple[GuestSample, ...] = ()
    answer: CommandResult | None = None
    activity: tuple[Activity, ...] = ()
    screens: tuple[ScreenSample, ...] = ()
    screen_text: str | None = None
    screen_text_before: str | None = None
    notes: tuple[str, ...] = ()
    post_mortem: PostMortem | None = None

    @property
    def button(self) -> PowerButton | None:
        """The power button's setting before; ``None`` when it could not be read."""
        return None if self.baseline is None else self.baseline.button

    @property
    def records(self) -> tuple[EventRecord, ...] | None:
        """Shutdown records since the baseline, or ``None`` when they are not known.

        As the disk has them afterwards, else by the last sample that could read them. The baseline
        comes just before the command; what is recorded in between is among them.
        """
        recorded = self._records_on_disk
        if recorded is not None:
            return recorded
        known = (sample.records for sample in reversed(self.samples) if sample.knows("records"))
        return next(known, None)

    @property
    def _records_on_disk(self) -> tuple[EventRecord, ...] | None:
        if self.post_mortem is None:
            return None
        last_record = None if self.baseline is None else self.baseline.last_record
        return self.post_mortem.of_stop(last_record)

    def moment_of(self, record: EventRecord) -> Moment | None:
        """When a record of the stop was written, if that is known on the host's clock."""
        clock = self._guest_clock
        return None if clock is None else clock.moment(record.created)

    @property
    def _guest_clock(self) -> GuestClock | None:
        """Without a baseline, a record may be older than the command."""
        off, records = self.event("SHUTDOWN"), self._records_on_disk
        if off is None or self.baseline is None or records is None:
            return None
        return guest_clock(records, self.samples, self._untaken_until, off.at)

    @property
    def _untaken_until(self) -> float:
        """Until when the guest is known not to have taken the command."""
        until = self.commanded_at
        for sample in self.pm1_after:
            if not sample.mapped or not sample.press_pending:
                break
            until = sample.at
        return until

    @property
    def watched(self) -> float:
        """Seconds from the command to the end of watching."""
        return self.ended_at - self.commanded_at

    def from_outside(self) -> Observation:
        """The same attempt as observed without a control channel."""
        return replace(
            self,
            events=tuple(e for e in self.events if e.name not in (CONTROL_CLOSED, CONTROL_BACK)),
            control=ChannelState.NONE,
            baseline=None,
            samples=(),
            answer=None,
            post_mortem=None,
            notes=("no control channel: observed from outside only",),
        )

    def event(self, name: str) -> HostEvent | None:
        """The first event of this name."""
        return next((event for event in self.events if event.name == name), None)

    @property
    def restart(self) -> HostEvent | None:
        """The guest's own restart, if it was observed.

        A QEMU that was told not to reboot emits ``SHUTDOWN`` for it (fact:restart-as-shutdown).
        """
        return next(
            (
                event
                for event in self.events
                if event.name in ("RESET", "SHUTDOWN") and event.data.get("reason") == "guest-reset"
            ),
            None,
        )

    @property
    def exit(self) -> HostEvent | None:
        """QEMU's end, if it was observed."""
        return self.event(PROCESS_EXIT)

    @property
    def control_lost_at(self) -> float | None:
        """When the control port went away for good, as far as it was watched.

        A guest that sleeps has its services still: its drivers close ports on the way. A reset
        closes a port of QEMU's just before it is told of itself, and says nothing of services.
        """
        closed: float | None = None
        # A watch may note what it saw a moment later than it happened.
        for event in sorted(self.events, key=lambda event: event.at):
            if event.name == CONTROL_CLOSED:
                closed = event.at
            elif closed is not None and _explains(event, closed):
                closed = None
        return closed

    @property
    def press_taken_at(self) -> float | None:
        """When the guest was first seen to have acknowledged the press.

        ``None`` when it was not armed before, or the latch was still set at the last sample. QEMU
        sets PWRBTN_STS whenever PWRBTN_EN is set, and only the guest clears it
        (qemu hw/acpi/core.c), so armed before and clear after means taken.
        """
        if self.pm1_before is None or not self.pm1_before.button_armed:
            return None
        cleared = (s.at for s in self.pm1_after if s.mapped and not s.press_pending)
        return next(cleared, None)


def _explains(event: HostEvent, closed: float) -> bool:
    """Whether ``event`` shows that a control port closed for another reason than its service."""
    if event.name == "RESET":
        return event.at - closed < _RESET_SECONDS
    return event.name in (CONTROL_BACK, "SUSPEND")
