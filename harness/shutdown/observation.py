"""Everything that was seen of one attempt to end a guest: all that diagnosis gets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.guest.event_log import EventRecord
from harness.guest.power_settings import PowerButton
from harness.images.image import Budgets
from harness.machine.events import PROCESS_EXIT, HostEvent
from harness.machine.protocol import Pm1Sample, RunState


class Command(StrEnum):
    """What the harness itself did to end the guest."""

    PRESS = "power-button"
    INSIDE = "command-inside"
    QUIT = "quit"
    KILL = "kill"
    RESET = "reset"


CONTROL_CLOSED = "CONTROL_CLOSED"
"""Event recorded when the guest closed an idle connection to its control port."""

CONTROL_BACK = "CONTROL_BACK"
"""Event recorded when the control port answers after that: it was closed for another reason."""


@dataclass(frozen=True)
class Observation:
    """One attempt, from just before the command to the end of watching.

    All times are seconds on the host-monotonic clock.

    :param command: what the harness did.
    :param commanded_at: when, just before it was sent.
    :param ended_at: when watching ended.
    :param budgets: the image's time limits.
    :param pm1_before: PM1 registers just before a press.
    :param pm1_after: samples after a press, in order of time.
    :param button: the power button's setting read before; ``None`` when it could not be read.
    :param events: host events from the command on.
    :param run_state: QEMU's run state at the end; ``None`` once QEMU is gone.
    :param control_before: whether the control channel worked before.
    :param control_after: whether it still answered at the end; ``None`` when not asked.
    :param records: shutdown records the guest wrote since the command; ``None`` when unreadable.
    :param notes: what could not be observed and why, one line each.
    """

    command: Command
    commanded_at: float
    ended_at: float
    budgets: Budgets
    pm1_before: Pm1Sample | None
    pm1_after: tuple[Pm1Sample, ...]
    button: PowerButton | None
    events: tuple[HostEvent, ...]
    run_state: RunState | None
    control_before: bool
    control_after: bool | None
    records: tuple[EventRecord, ...] | None
    notes: tuple[str, ...] = ()

    def event(self, name: str) -> HostEvent | None:
        """The first event of this name."""
        return next((event for event in self.events if event.name == name), None)

    @property
    def exit(self) -> HostEvent | None:
        """QEMU's end, if it was seen."""
        return self.event(PROCESS_EXIT)

    @property
    def control_lost_at(self) -> float | None:
        """When the control port went away for good, as far as it was watched."""
        closed: float | None = None
        for event in self.events:
            if event.name == CONTROL_CLOSED:
                closed = event.at
            elif event.name == CONTROL_BACK:
                closed = None
        return closed

    @property
    def press_taken_at(self) -> float | None:
        """When the guest was first seen to have acknowledged the press.

        ``None`` when it was not armed before, or the latch was still set at the last look. QEMU
        sets PWRBTN_STS whenever PWRBTN_EN is set, and only the guest clears it
        (qemu hw/acpi/core.c), so armed before and clear after means taken.
        """
        if self.pm1_before is None or not self.pm1_before.button_armed:
            return None
        cleared = (s.at for s in self.pm1_after if s.mapped and not s.press_pending)
        return next(cleared, None)
