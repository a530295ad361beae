"""When a guest can be shut down: its control port answers and it has armed the power button."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import CredentialsRejected, MachineError, PowerdownError
from powerdown.guest.channels.channel import GuestChannel
from powerdown.machine.events import HostEvent, named
from powerdown.machine.fault_watch import FaultWatch
from powerdown.machine.protocol import Machine, Pm1Sample

_PROBE_SECONDS = 1.0
"""Seconds for one try of the control port; a connection made before the guest's network is up
hangs."""

_PAUSE_SECONDS = 0.1
"""Between samples at registers and ports, for which no event exists."""

_COMMAND_SECONDS = 30.0
"""One try of a command; a service that is still starting may never answer the first."""

_FIRST_COMMAND = "ver"
"""The cheapest command there is (learn: ver)."""


@dataclass(frozen=True)
class Readiness:
    """When a guest became ready.

    :param armed_at: when the power button was first seen enabled.
    :param answered_at: when the control channel first ran a command, in a restored guest when the
        control port first answered; ``None`` without a channel.
    :param pm1: the last reading of the PM1 registers.
    :param clock_ahead: seconds the guest's clock is ahead of the host's UTC, where it was told.
    """

    armed_at: float
    answered_at: float | None
    pm1: Pm1Sample
    clock_ahead: float | None = None

    @property
    def at(self) -> float:
        """When everything was ready."""
        return max(self.armed_at, self.answered_at or self.armed_at)


def await_ready(machine: Machine, channel: GuestChannel | None, deadline: Deadline) -> Readiness:
    """Wait until a press can arrive and, where there is a channel, commands are answered.

    :raise MachineError: QEMU ended first, or the guest crashed.
    :raise HostFault: QEMU stopped the guest because the host failed.
    :raise CredentialsRejected: the guest refuses the channel's user.
    :raise DeadlineExpired: it did not get ready in time; says which part is missing.
    """
    watch = _watch(machine)
    armed = _wait_until_armed(machine, watch, deadline)
    if channel is None:
        # A guest that cannot be asked gets its time to come up.
        _live_through(machine, watch, Deadline.after(machine.budgets.settle))
        answered_at = None
    else:
        answered_at = _wait_for_channel(machine, channel, watch, deadline)
    # It may have restarted meanwhile, as a first boot does.
    again = _wait_until_armed(machine, watch, deadline)
    return Readiness(armed_at=armed.at, answered_at=answered_at, pm1=again)


def await_restored(machine: Machine, channel: GuestChannel | None, deadline: Deadline) -> Readiness:
    """Wait until a guest that was saved when it was ready is so again: its CPUs run already.

    That commands work was seen before it was saved; now its button must be armed, its network must
    let a request through and its control port must answer it.

    :raise MachineError: QEMU ended first, or the guest crashed.
    :raise HostFault: QEMU stopped the guest because the host failed.
    :raise DeadlineExpired: it is not ready; says which part is missing.
    """
    watch = _watch(machine)
    armed = _wait_until_armed(machine, watch, deadline)
    if channel is None:
        return Readiness(armed_at=armed.at, answered_at=None, pm1=armed)
    while not deadline.expired:
        answer = channel.answers(deadline.at_most(_PROBE_SECONDS))
        if answer is not None:
            return Readiness(armed.at, now(), armed, answer.clock_ahead)
        _pause(machine, watch, deadline)
    raise deadline.expire(
        f"the control port of {machine.name} answer after a restore",
        "nothing answers on it",
        "Start it cold (--powerdown-cold) and compare.",
    )


def _watch(machine: Machine) -> FaultWatch:
    return FaultWatch(machine, f"wait for {machine.name} to get ready", crash_is_final=True)


def _wait_until_armed(machine: Machine, watch: FaultWatch, deadline: Deadline) -> Pm1Sample:
    while True:
        sample = machine.probe_pm1()
        if sample.button_armed:
            return sample
        if deadline.expired:
            raise deadline.expire(
                f"{machine.name} arm its power button",
                f"{sample} (the guest has not enabled the button: still in firmware, boot loader "
                f"or early boot, or it does not use ACPI)",
                "Look at the screenshot; raise [budgets] boot if it is only slow.",
            )
        _pause(machine, watch, deadline)


def _wait_for_channel(
    machine: Machine, channel: GuestChannel, watch: FaultWatch, deadline: Deadline
) -> float:
    actual = "nothing answers on the control port"
    while not deadline.expired:
        if channel.answers(deadline.at_most(_PROBE_SECONDS)):
            try:
                with _interrupted_by_stop(machine, channel):
                    channel.run(_FIRST_COMMAND, deadline.at_most(_COMMAND_SECONDS)).checked()
            except CredentialsRejected:
                raise
            except PowerdownError as error:
                actual = str(error)
            else:
                return now()
        _pause(machine, watch, deadline)
    raise deadline.expire(
        f"the control channel of {machine.name} answer",
        actual,
        "Look at the screenshot; check WinRM or the guest agent in the guest, or raise [budgets] "
        "boot.",
    )


@contextmanager
def _interrupted_by_stop(machine: Machine, channel: GuestChannel) -> Iterator[None]:
    """Interrupt a command when QEMU stops the guest, to find out why at once."""

    def interrupt(event: HostEvent) -> None:
        if event.name == "STOP":
            channel.interrupt()

    machine.events.subscribe(interrupt)
    try:
        yield
    finally:
        machine.events.unsubscribe(interrupt)


def _pause(machine: Machine, watch: FaultWatch, deadline: Deadline) -> None:
    """Wait a moment, but no longer than the machine lives."""
    _live_through(machine, watch, deadline.at_most(_PAUSE_SECONDS))


def _live_through(machine: Machine, watch: FaultWatch, deadline: Deadline) -> None:
    ended = watch.wait(named(), deadline)
    if ended is not None:
        raise MachineError(
            f"wait for {machine.name} to get ready",
            f"its QEMU ended ({ended})",
            "See QEMU's standard error in the run directory.",
        )
