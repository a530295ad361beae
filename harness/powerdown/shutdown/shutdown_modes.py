"""Soft shutdown in libvirt's modes."""

from __future__ import annotations

from powerdown.core.deadline import Deadline
from powerdown.guest.windows import Windows
from powerdown.images.image import Transport
from powerdown.machine.events import PROCESS_EXIT, named
from powerdown.machine.protocol import BootedMachine
from powerdown.machine.shutdown_mode import ShutdownMode
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.shutdown_monitor import Settled, ShutdownMonitor
from powerdown.shutdown.soft_shutdown import never_conclusive, press_power_button

_PRESSED = named("POWERDOWN", "SHUTDOWN", PROCESS_EXIT)
_PRESSED_SECONDS = 0.2
"""QEMU emits it before libvirt gets its answer, so the event may still be on its way."""


def shut_down_by(
    machine: BootedMachine,
    windows: Windows | None,
    mode: ShutdownMode,
    *,
    is_conclusive: Settled = never_conclusive,
) -> Observation:
    """Ask the guest to shut down in one of the modes and watch until the result is known.

    A request to the guest agent does not press the power button, and only its result shows that
    it arrived. In the default mode libvirt presses the button if the agent fails
    (fact:default-mode-press): QEMU then emits POWERDOWN.

    :param windows: the inside of the guest; ``None`` to watch from outside only.
    :raise MachineError: the mode is not available, or the request is refused.
    """

    def ask() -> float:
        return machine.ask_to_shut_down(mode)

    has_agent = machine.image.control.transport is Transport.GUEST_AGENT
    if mode is ShutdownMode.ACPI or (mode is ShutdownMode.DEFAULT and not has_agent):
        return press_power_button(machine, windows, is_conclusive=is_conclusive, press=ask)
    attempt = ShutdownMonitor(machine, windows, is_conclusive)
    with attempt.control_watched(), attempt.inside_watched():
        pm1_before = machine.probe_pm1()
        asked_at = ask()
        if machine.events.wait(_PRESSED, Deadline.after(_PRESSED_SECONDS), asked_at) is not None:
            attempt.follow_latch(asked_at)

        def observe() -> Observation:
            if machine.events.first(named("POWERDOWN"), since=asked_at) is not None:
                return attempt.observe(Command.PRESS, asked_at, pm1_before)
            return attempt.observe(Command.INSIDE, asked_at)

        attempt.wait_for_result(observe, asked_at)
        return attempt.conclude(observe, asked_at)
