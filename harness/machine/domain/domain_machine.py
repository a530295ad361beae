"""A domain as a :class:`~harness.machine.protocol.Machine`, whoever has started it."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from PIL import Image as Picture

from harness.deadline import Deadline, now
from harness.errors import MachineError
from harness.images.image import Budgets
from harness.machine.activity import Activity
from harness.machine.domain.binding import libvirt
from harness.machine.domain.connection import Connection
from harness.machine.domain.domain_events import DomainEvents
from harness.machine.domain.domain_screen import take_domain_screen
from harness.machine.domain.domain_stats import read_stats
from harness.machine.domain.handle import DomainHandle
from harness.machine.domain.qmp import DomainQmp
from harness.machine.events import PROCESS_EXIT, EventStream, named
from harness.machine.monitored import COMMAND_SECONDS, MonitoredMachine
from harness.machine.transcript import Transcript

_PROC = Path("/proc")


class ShutdownMode(Enum):
    """How libvirt asks a guest to shut down (libvirt-domain.h, virDomainShutdownFlagValues)."""

    DEFAULT = libvirt.VIR_DOMAIN_SHUTDOWN_DEFAULT
    """libvirt's choice: the guest agent where one is defined, else the power button."""
    ACPI = libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
    AGENT = libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT


class DomainMachine(MonitoredMachine):
    """A guest of libvirt's: its power goes through libvirt, as a cloud's does.

    :param connection: to the libvirt that has it.
    :param uuid: of the domain.
    :param name: what it is called in messages.
    :param budgets: how long it may take.
    :param vcpus: how many virtual CPUs it has.
    :param events: takes what is seen of it; its domain need not exist yet.
    :param transcript: file for the traffic.
    """

    def __init__(
        self,
        connection: Connection,
        uuid: str,
        name: str,
        budgets: Budgets,
        vcpus: int,
        transcript: Path,
    ) -> None:
        self.name, self.budgets, self.vcpus = name, budgets, vcpus
        events = EventStream()
        self._handle = DomainHandle(connection, uuid, events)
        self._transcript = Transcript(transcript)
        self._listener = DomainEvents(
            connection, uuid, events, self._transcript, self._handle.give_up
        )
        super().__init__(DomainQmp(self._handle, self._transcript), events)

    @property
    def pid(self) -> int | None:
        """QEMU's process id, found by one of its threads; ``None`` for one on another host."""
        if self._handle.connection.is_remote or self.events.exit is not None:
            return None
        try:
            cpus = self._execute("query-cpus-fast")
            thread = cpus[0]["thread-id"] if isinstance(cpus, list) else None
            told = (_PROC / str(thread) / "status").read_text()
        except (MachineError, OSError, LookupError, TypeError):
            return None
        fields = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
        return int(fields["Tgid"])

    def ask_to_shut_down(self, mode: ShutdownMode) -> float:
        """Have libvirt shut it down (virDomainShutdownFlags); the time just before.

        :raise MachineError: libvirt refuses, or has no way to.
        """
        at = now()
        self._call(f"shut the guest down ({mode.name.lower()})", _shutdown(mode), once=True)
        return at

    def wake(self) -> None:
        """Wake a sleeping guest: virDomainPMWakeup, which is QMP ``system_wakeup``."""
        self._call("wake the guest", lambda domain: domain.pMWakeup(0))

    def inject_nmi(self) -> None:
        """Send the guest a non-maskable interrupt: virDomainInjectNMI."""
        self._call("send an NMI", lambda domain: domain.injectNMI(0))

    def reset(self) -> float:
        """Press the reset button: virDomainReset; the time just before it was sent."""
        at = now()
        self._call("reset the guest", lambda domain: domain.reset(0), once=True)
        return at

    def pause(self) -> None:
        """Stop the guest's CPUs: virDomainSuspend."""
        self._call("pause the guest", lambda domain: domain.suspend())

    def resume(self) -> None:
        """Let the guest's CPUs go on: virDomainResume."""
        self._call("let the guest go on", lambda domain: domain.resume())

    def activity(self) -> Activity:
        """What its CPUs and its disks have done so far, in any run state."""
        return read_stats(self._handle, Deadline.after(COMMAND_SECONDS))

    def quit(self, deadline: Deadline) -> None:
        """Cut the power in an orderly manner: virDomainDestroy, but without SIGKILL.

        :raise DeadlineExpired: QEMU goes on.
        """
        self._destroy(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL, deadline)

    def kill(self, deadline: Deadline) -> None:
        """Cut the power as a host crash does: SIGKILL to QEMU.

        libvirt sends SIGTERM first, and on another host that is all that can be had.

        :raise DeadlineExpired: QEMU goes on.
        """
        pid = self.pid
        if pid is None:
            self._destroy(libvirt.VIR_DOMAIN_DESTROY_DEFAULT, deadline)
            return
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise MachineError(
                "kill QEMU", f"process {pid} belongs to somebody else", "Do it as root."
            ) from error
        self._expect_end(deadline, "SIGKILL")

    def close(self) -> None:
        """Let go of the domain, which goes on as it is."""
        self._listener.close()
        self._handle.close()
        self._transcript.close()

    def _send_press(self) -> None:
        self._call("press the power button", _shutdown(ShutdownMode.ACPI), once=True)

    def _take_screen(self, deadline: Deadline) -> Picture.Image:
        return take_domain_screen(self._handle, deadline)

    def _call(
        self, tried: str, work: Callable[[libvirt.virDomain], object], *, once: bool = False
    ) -> None:
        self._handle.call(tried, work, Deadline.after(COMMAND_SECONDS), once=once)

    def _destroy(self, flags: int, deadline: Deadline) -> None:
        try:
            self._handle.call(
                "destroy the domain", lambda domain: domain.destroyFlags(flags), deadline
            )
        except MachineError:
            # It may have ended meanwhile, by the very call that is not answered.
            if self.events.exit is None:
                self._expect_end(deadline, "virDomainDestroy")
            return
        self._expect_end(deadline, "virDomainDestroy")

    def _expect_end(self, deadline: Deadline, after: str) -> None:
        if self.events.wait(named(PROCESS_EXIT), deadline) is None:
            raise deadline.expire(
                f"QEMU end after {after}",
                "libvirt says that it goes on",
                "Its process may hang in the host's kernel or on a slow disk.",
            )


def _shutdown(mode: ShutdownMode) -> Callable[[libvirt.virDomain], object]:
    return lambda domain: domain.shutdownFlags(mode.value)
