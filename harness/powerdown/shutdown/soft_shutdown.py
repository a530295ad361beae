"""Soft shutdown: ask the guest to shut down and monitor it."""

from __future__ import annotations

from collections.abc import Callable

from powerdown.core.deadline import now
from powerdown.core.errors import PowerdownError
from powerdown.guest.windows import Windows
from powerdown.machine.protocol import Machine
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.shutdown_monitor import ObservationListener, Settled, ShutdownMonitor


def never_conclusive(obs: Observation) -> bool:
    """Wait for the end of the guest or of the budget, whatever is observed."""
    return False


def press_power_button(
    machine: Machine,
    windows: Windows | None,
    *,
    is_conclusive: Settled = never_conclusive,
    second_press: bool = False,
    listener: ObservationListener | None = None,
    press: Callable[[], float] | None = None,
) -> Observation:
    """Press the ACPI power button and watch until the result is known.

    It is known when the guest ends, restarts, sleeps or crashes; when, not before the image's
    ``reaction`` budget, ``is_conclusive`` says that what was seen decides it; or when the
    ``shutdown_hard`` budget is spent. A press that cannot have arrived is given its time to react
    too: the guest may be shutting down already.

    :param windows: the inside of the guest; ``None`` to watch from outside only.
    :param is_conclusive: usually :func:`is_conclusive`.
    :param second_press: press again as soon as the first press was taken.
    :param listener: called with the observation so far, once the press should have been taken.
    :param press: presses it, and says when; the machine itself if not given.
    :raise MachineError: QEMU refuses the press.
    """
    attempt = ShutdownMonitor(machine, windows, is_conclusive, listener)
    with attempt.control_watched(), attempt.inside_watched():
        pm1_before = machine.probe_pm1()
        pressed_at = (press or machine.press_power_button)()
        attempt.follow_latch(pressed_at)
        if second_press and not attempt.ended(since=pressed_at):
            attempt.press_again(pressed_at)

        def observe() -> Observation:
            return attempt.observe(Command.PRESS, pressed_at, pm1_before)

        attempt.wait_for_result(observe, pressed_at)
        return attempt.conclude(observe, pressed_at)


def command_inside(
    machine: Machine, windows: Windows, command: str, *, is_conclusive: Settled = never_conclusive
) -> Observation:
    """Run a shutdown command inside the guest and watch until the result is known."""
    attempt = ShutdownMonitor(machine, windows, is_conclusive)
    with attempt.control_watched():
        commanded_at = now()
        try:
            attempt.answer = windows.run(command)
        except PowerdownError as error:
            # The answer may be cut off by the very shutdown it starts.
            attempt.notes.append(f"{command!r}: {error}")

        def observe() -> Observation:
            return attempt.observe(Command.INSIDE, commanded_at)

        with attempt.inside_watched():
            attempt.wait_for_result(observe, commanded_at)
            return attempt.conclude(observe, commanded_at)
