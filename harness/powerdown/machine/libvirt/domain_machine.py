"""A libvirt domain as a :class:`Machine`, however it was started."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image as Picture

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.images.image import Budgets
from powerdown.machine.activity import Activity
from powerdown.machine.events import PRESS_REFUSED, PROCESS_EXIT, EventStream, named
from powerdown.machine.external_process import ExternalProcess
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.connection import Connection
from powerdown.machine.libvirt.domain_events import DomainEvents
from powerdown.machine.libvirt.domain_handle import DomainHandle
from powerdown.machine.libvirt.domain_qmp import DomainQmp
from powerdown.machine.libvirt.domain_screen import take_domain_screen
from powerdown.machine.libvirt.domain_stats import read_stats
from powerdown.machine.libvirt.libvirt_errors import NotRunning, is_gone
from powerdown.machine.libvirt.qemu_process import find_qemu
from powerdown.machine.monitored import COMMAND_SECONDS, MonitoredMachine
from powerdown.machine.shutdown_mode import ShutdownMode
from powerdown.machine.transcript import Transcript

_FIND_SECONDS = 5.0
"""For QEMU to report its threads."""

_DESTROY_SECONDS = 5.0
"""For libvirt to end a guest that is no longer needed."""

_EVENT_SECONDS = 0.2
"""For the event of a domain that libvirt has already removed."""

_STOP_SECONDS = 15.0
"""For libvirt to remove a domain whose QEMU has ended or is ending: it waits ten seconds between
SIGTERM and SIGKILL."""


_FLAGS = {
    ShutdownMode.DEFAULT: libvirt.VIR_DOMAIN_SHUTDOWN_DEFAULT,
    ShutdownMode.ACPI: libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
    ShutdownMode.AGENT: libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
}


class DomainMachine(MonitoredMachine):
    """A libvirt domain: its power is controlled through libvirt, as in a cloud.

    :param connection: connection to its libvirt.
    :param uuid: UUID of the domain, which need not exist yet.
    :param name: its name in messages.
    :param budgets: its time limits.
    :param vcpus: the number of its virtual CPUs.
    :param transcript: file for the QMP traffic.
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
        self._process: ExternalProcess | None = None
        self._listener = DomainEvents(self._handle, events, self._transcript)
        super().__init__(DomainQmp(self._handle, self._transcript), events)

    @property
    def pid(self) -> int | None:
        """QEMU's process id; ``None`` once it has ended, for one on another host, and where it is
        not known."""
        process = self._own_process()
        return None if process is None else process.pid

    def ask_to_shut_down(self, mode: ShutdownMode) -> float:
        """Request a shutdown from libvirt (virDomainShutdownFlags); return the time just before.

        :raise MachineError: libvirt refuses, or the mode is not available.
        """
        at = now()
        self._ask_to_shut_down(f"shut the guest down ({mode})", mode)
        return at

    def wake(self) -> None:
        """Wake a sleeping guest: virDomainPMWakeup, which is QMP ``system_wakeup``."""
        self._call("wake the guest", lambda domain: domain.pMWakeup(0))

    def inject_nmi(self) -> None:
        """Send the guest a non-maskable interrupt: virDomainInjectNMI."""
        self._call("send an NMI", lambda domain: domain.injectNMI(0))

    def reset(self) -> float:
        """Press the reset button (virDomainReset) and return the time just before."""
        at = now()
        self._call("reset the guest", lambda domain: domain.reset(0), once=True)
        return at

    def pause(self) -> None:
        """Stop the guest's CPUs: virDomainSuspend."""
        self._call("pause the guest", lambda domain: domain.suspend())

    def resume(self) -> None:
        """Resume the guest's CPUs: virDomainResume."""
        self._call("resume the guest", lambda domain: domain.resume())

    def activity(self) -> Activity:
        """CPU time and disk traffic of the guest so far, in any run state."""
        return read_stats(self._handle, Deadline.after(COMMAND_SECONDS))

    def quit(self, deadline: Deadline) -> None:
        """Cut the power in an orderly way: virDomainDestroy without SIGKILL.

        :raise DeadlineExpired: QEMU does not end.
        """
        self._destroy(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL, deadline)

    def kill(self, deadline: Deadline) -> None:
        """Cut the power as a host crash does: SIGKILL to QEMU.

        Where the process is on another host or belongs to another user, virDomainDestroy is used
        instead, which sends SIGTERM first.

        :raise DeadlineExpired: QEMU does not end.
        """
        if self._kill_process():
            self._expect_end(deadline, "SIGKILL")
        else:
            self._destroy(libvirt.VIR_DOMAIN_DESTROY_DEFAULT, deadline)

    def close(self) -> None:
        """Release the domain, which runs on as it is; may be called twice."""
        self._listener.close()
        self._handle.close()
        self._transcript.close()
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def _ask_to_shut_down(self, action: str, mode: ShutdownMode) -> None:
        """Send the request through libvirt, and record it if libvirt does not forward it.

        libvirt refuses for a guest that sleeps, is paused or has crashed; QEMU itself would latch
        the press.
        """
        try:
            self._call(action, _shutdown(mode), once=True)
        except NotRunning as error:
            self.events.record(PRESS_REFUSED, {"why": error.actual})

    def _send_press(self) -> None:
        self._ask_to_shut_down("press the power button", ShutdownMode.ACPI)

    def _take_screen(self, deadline: Deadline) -> Picture.Image:
        return take_domain_screen(self._handle, deadline)

    def _call(
        self, action: str, work: Callable[[libvirt.virDomain], object], *, once: bool = False
    ) -> None:
        self._handle.call(action, work, Deadline.after(COMMAND_SECONDS), once=once)

    def _end_domain(self) -> bool:
        """End the guest by any means; whether it has ended, as far as is known."""
        process = self._own_process()
        try:
            was_there = self._handle.ask(
                "end the domain",
                partial(_destroyed, uuid=self._handle.uuid),
                Deadline.after(_DESTROY_SECONDS),
                needs_qemu=False,
            )
        except MachineError:
            self._kill_process()
            was_there = True
        if not self._handle.connection.is_alive:
            return process is not None and process.ended(Deadline.after(_DESTROY_SECONDS))
        # The event for the end may still be on its way.
        stopped = self._listener.wait_until_stopped(_STOP_SECONDS if was_there else _EVENT_SECONDS)
        return stopped or not was_there

    def _own_process(self) -> ExternalProcess | None:
        """QEMU's process, looked up when first needed."""
        is_here = self.events.exit is None and not self._handle.connection.is_remote
        if self._process is None and is_here:
            deadline = Deadline.after(_FIND_SECONDS)
            self._process = find_qemu(self._qmp, self._handle.uuid, deadline)
        return self._process

    def _kill_process(self) -> bool:
        """Send QEMU SIGKILL; whether that was possible."""
        process = self._own_process()
        if process is None:
            return False
        try:
            process.kill()
        except MachineError:
            return False
        return True

    def _destroy(self, flags: int, deadline: Deadline) -> None:
        try:
            self._handle.call(
                "destroy the domain",
                lambda domain: domain.destroyFlags(flags),
                deadline,
                needs_qemu=False,
            )
        except MachineError:
            # It may have ended because of the very call that was not answered.
            if self.events.exit is None:
                self._expect_end(deadline, "virDomainDestroy")
            return
        self._expect_end(deadline, "virDomainDestroy")

    def _expect_end(self, deadline: Deadline, after: str) -> None:
        if self.events.wait(named(PROCESS_EXIT), deadline) is None:
            raise deadline.expire(
                f"QEMU end after {after}",
                "libvirt reports that it is still running",
                "Its process may hang in the host's kernel or on a slow disk.",
            )


def _destroyed(virt: libvirt.virConnect, uuid: str) -> bool:
    """Destroy a domain; whether it existed."""
    try:
        virt.lookupByUUIDString(uuid).destroy()
    except libvirt.libvirtError as error:
        if is_gone(error):
            return False
        raise
    return True


def _shutdown(mode: ShutdownMode) -> Callable[[libvirt.virDomain], object]:
    return lambda domain: domain.shutdownFlags(_FLAGS[mode])
