"""Soft shutdown in the modes that libvirt has, as clouds use them."""

from __future__ import annotations

from harness.guest.windows import Windows
from harness.images.image import Transport
from harness.machine.protocol import BootedMachine
from harness.machine.shutdown_mode import ShutdownMode
from harness.shutdown.attempt import Attempt, Settled
from harness.shutdown.observation import Command, Observation
from harness.shutdown.soft import never_settled, press_power_button


def shut_down_by(
    machine: BootedMachine,
    windows: Windows | None,
    mode: ShutdownMode,
    *,
    settled: Settled = never_settled,
) -> Observation:
    """Ask the guest to shut down in one of the modes and watch until the result is known.

    Where the guest agent is asked the power button is not pressed, and nothing but what comes of
    it shows whether the request arrived.

    :param windows: the inside of the guest; ``None`` to watch from outside only.
    :raise MachineError: the mode cannot be had, or the request is refused.
    """

    def ask() -> float:
        return machine.ask_to_shut_down(mode)

    has_agent = machine.image.control.transport is Transport.GUEST_AGENT
    if mode is ShutdownMode.ACPI or (mode is ShutdownMode.DEFAULT and not has_agent):
        return press_power_button(machine, windows, settled=settled, press=ask)
    attempt = Attempt(machine, windows, settled)
    with attempt.control_watched(), attempt.inside_watched():
        asked_at = ask()

        def observe() -> Observation:
            return attempt.observe(Command.INSIDE, asked_at)

        attempt.wait_for_result(observe, asked_at)
        return attempt.conclude(observe, asked_at)
