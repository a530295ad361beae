"""A domain that the harness started: a :class:`BootedMachine`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import HostError, MachineError
from powerdown.core.missing_program import missing_program
from powerdown.images.image import Firmware, Image, Transport
from powerdown.machine.accelerator import QEMU, Accelerator
from powerdown.machine.libvirt.binding import libvirt
from powerdown.machine.libvirt.connection import Connection
from powerdown.machine.libvirt.console_log import ConsoleLog
from powerdown.machine.libvirt.domain_machine import DomainMachine
from powerdown.machine.libvirt.domain_xml import (
    DomainWiring,
    domain_xml,
    uuid_in,
    with_disk,
)
from powerdown.machine.libvirt.libvirt_agent import LibvirtAgent
from powerdown.machine.libvirt.libvirt_errors import machine_error
from powerdown.machine.libvirt.orphan_guard import OrphanGuard
from powerdown.machine.protocol import AgentProxy
from powerdown.machine.qemu.command_line import LOOPBACK
from powerdown.machine.qemu.firmware import uefi_flash
from powerdown.machine.qemu.forwarded_port import forwarded_port
from powerdown.machine.qemu.launch import TranscriptFiles, variables_beside
from powerdown.machine.run_directory import RunDirectory
from powerdown.machine.saved_state import MemoryFile, SavedState

_START_SECONDS = 60.0
"""For starting a domain; libvirt may have to query QEMU's capabilities first, which takes 5 s."""

_SAVE_SECONDS = 300.0
"""For saving a domain with all of its memory."""

_STOP_SECONDS = 15.0
"""libvirt waits ten seconds between SIGTERM and SIGKILL."""


@dataclass(frozen=True)
class DomainSite:
    """What is needed to start domains.

    :param connection: connection to libvirt.
    :param accelerator: how guests' CPUs run.
    :param guard: ends the domains if the harness dies.
    """

    connection: Connection
    accelerator: Accelerator
    guard: OrphanGuard


class BootedDomain(DomainMachine):
    """A guest in a domain of its own. Create one with :meth:`start` or :meth:`restore`.

    The overlay is the caller's: another machine can boot from it after the end of this one. The
    run directory is the machine's own and removed by :meth:`close`; copy transcripts before.
    """

    def __init__(self, site: DomainSite, image: Image, overlay: Path, uuid: str) -> None:
        self._site, self._image, self._overlay = site, image, overlay.absolute()
        self._directory = RunDirectory(image.name)
        self._files = TranscriptFiles(self._directory.path)
        self._description = self._directory.path / "domain.xml"
        self._console: ConsoleLog | None = None
        self._port = 0
        self._started_at = 0.0
        self._saved_uptime: float | None = None
        self._memory: Path | None = None
        self._may_exist = False
        try:
            super().__init__(
                site.connection,
                uuid,
                image.name,
                image.budgets,
                image.vcpus,
                self._files.qmp,
            )
        except BaseException:
            self._directory.close()
            raise

    @classmethod
    def start(
        cls, site: DomainSite, image: Image, overlay: Path, memory: MemoryFile | None = None
    ) -> BootedDomain:
        """Power on a guest; see :meth:`Hypervisor.start`.

        :param memory: the file that the guest will be saved to, with its memory.
        """
        wiring = wiring_for(image, overlay.absolute(), uuid=str(uuid4()))
        xml = domain_xml(image, wiring, site.accelerator)
        machine = cls(site, image, overlay, wiring.uuid)
        machine._memory = None if memory is None else memory.path
        with machine._closed_on_failure():
            flags = libvirt.VIR_DOMAIN_START_PAUSED
            machine._bring_up(xml, lambda virt: virt.createXML(xml, flags))
            machine._started_at = now()
            super(BootedDomain, machine).resume()
        return machine

    @classmethod
    def restore(
        cls, site: DomainSite, image: Image, overlay: Path, saved: SavedState
    ) -> BootedDomain:
        """Create a copy of a saved guest; see :meth:`Hypervisor.restore`.

        Only one copy can run at a time: libvirt keeps the saved domain's UUID.
        """
        try:
            description = saved.devices.read_text()
        except (OSError, ValueError) as error:
            raise HostError(
                f"read {saved.devices}", str(error), "Start it cold (--powerdown-cold)."
            ) from error
        wiring = wiring_for(image, overlay.absolute(), uuid="")
        xml = with_disk(description, wiring)
        machine = cls(site, image, overlay, uuid_in(xml))
        with machine._closed_on_failure():
            machine._bring_up(
                xml,
                lambda virt: virt.restoreFlags(
                    str(saved.memory), xml, libvirt.VIR_DOMAIN_SAVE_PAUSED
                ),
            )
            machine._saved_uptime = saved.uptime
        return machine

    @property
    def image(self) -> Image:
        """The image it was started from."""
        return self._image

    @property
    def overlay(self) -> Path:
        """The disk it writes to; QEMU's tools can read it once the machine is off or stopped."""
        return self._overlay

    @property
    def control_address(self) -> tuple[str, int]:
        """Loopback host and port that are forwarded to the guest's control port."""
        return LOOPBACK, self._port

    @property
    def agent_socket(self) -> None:
        """``None``: libvirt holds the agent's port."""
        return

    @property
    def started_at(self) -> float:
        """When the guest's CPUs started; for a restored guest, as if it had never been stopped."""
        return self._started_at

    @property
    def agent_proxy(self) -> AgentProxy | None:
        """The way to the guest agent through libvirt, if the image has an agent."""
        has_agent = self._image.control.transport is Transport.GUEST_AGENT
        return LibvirtAgent(self._handle) if has_agent else None

    def transcripts(self) -> list[Path]:
        """The domain's XML, QMP traffic and serial output, as far as written."""
        return [self._description, *self._files.written()]

    def resume(self) -> None:
        """Resume the guest's CPUs: virDomainResume."""
        if self._saved_uptime is not None:
            self._started_at, self._saved_uptime = now() - self._saved_uptime, None
        super().resume()

    def save(self, devices: Path) -> float:
        """Save the paused guest with virDomainSave, which ends it.

        :param devices: file for the description that a copy is created from; the rest goes to the
            memory file that was passed to :meth:`start`.
        :return: seconds since the guest's CPUs started.
        """
        if self._memory is None:
            raise MachineError(
                "save the guest", "it was started without a memory file", "Start it with one."
            )
        uptime, target = now() - self._started_at, str(self._memory)
        deadline = Deadline.after(_SAVE_SECONDS)
        self._handle.call("save the domain", lambda domain: domain.save(target), deadline)
        self._listener.wait_until_stopped(_STOP_SECONDS)
        try:
            devices.write_text(self._site.connection.virt.saveImageGetXMLDesc(target, 0))
        except libvirt.libvirtError as error:
            raise machine_error("describe the saved domain", error) from error
        except OSError as error:
            raise HostError(f"write {devices}", str(error), "Check free space.") from error
        return uptime

    def quit(self, deadline: Deadline) -> None:
        """Cut the power in an orderly way, unless the guest is off already."""
        if self.events.exit is None:
            super().quit(deadline)

    def close(self) -> None:
        """End the domain if it still runs and remove the run directory; may be called twice."""
        # A copy of the same saved guest can be created only when libvirt has removed this one.
        if self._may_exist and (self.events.exit is not None or self._end_domain()):
            self._site.guard.forget(self._handle.uuid)
        self._may_exist = False
        if self._console is not None:
            self._console.close()
        super().close()
        self._directory.close()

    def _bring_up(self, xml: str, create: Callable[[libvirt.virConnect], object]) -> None:
        """Create the domain with its CPUs stopped, and connect to it."""
        self._description.write_text(f"{xml}\n")
        deadline = Deadline.after(_START_SECONDS)
        self._site.guard.watch(self._handle.uuid)
        self._may_exist = True
        self._handle.ask("start the domain", create, deadline, once=True)
        number = self._handle.call("read the domain's id", lambda domain: domain.ID(), deadline)
        self._listener.began(number)
        # Look up the process now: a QEMU that hangs later does not answer.
        self._own_process()
        self._console = ConsoleLog(self._handle, self._files.serial)
        if self._image.control.transport is not Transport.GUEST_AGENT:
            self._port = forwarded_port(self._qmp, deadline)

    @contextmanager
    def _closed_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise


def wiring_for(image: Image, overlay: Path, *, uuid: str) -> DomainWiring:
    """The parts of a domain that differ between guests of an image.

    :raise HostError: QEMU or firmware is not installed.
    """
    emulator = shutil.which(QEMU)
    if emulator is None:
        raise missing_program(QEMU)
    flash = None
    if image.firmware is Firmware.UEFI:
        flash = uefi_flash(variables_beside(overlay))
    return DomainWiring(f"powerdown-{image.name}-{uuid[:8]}", uuid, Path(emulator), overlay, flash)
