"""What starts guests: the harness itself, or libvirt on its behalf."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from powerdown.images.image import Image
from powerdown.machine.accelerator import Accelerator
from powerdown.machine.backend import Backend
from powerdown.machine.protocol import BootedMachine
from powerdown.machine.qemu.command_line import Wiring, command_line
from powerdown.machine.qemu.qemu_machine import QemuMachine
from powerdown.machine.saved_state import MemoryFile, SavedState

_NOWHERE = Wiring(Path("/overlay"), commands=0, events=0, serial=0)


class Hypervisor(Protocol):
    """Starts guests. Calls raise :class:`MachineError` when a guest cannot be
    started, with the output of QEMU or libvirt, and :class:`HostError` when the host
    lacks something."""

    @property
    def backend(self) -> Backend:
        """The interface it controls guests with."""

    @property
    def accelerator(self) -> Accelerator:
        """How the guests' CPUs run."""

    @property
    def restores(self) -> bool:
        """Whether guests can be saved and restored."""

    @property
    def restores_ahead(self) -> bool:
        """Whether a guest can be restored while another copy of it runs."""

    def start(self, image: Image, overlay: Path, memory: MemoryFile | None = None) -> BootedMachine:
        """Power on a guest.

        :param overlay: the qcow2 disk it writes to, new from
            :func:`create_overlay` or as an earlier guest left it. UEFI
            variables are kept beside it.
        :param memory: a file for the guest's memory; needed to save it later.
        """

    def restore(self, image: Image, overlay: Path, saved: SavedState) -> BootedMachine:
        """Create a copy of a saved guest, with its CPUs stopped until it is resumed.

        :param overlay: a copy of the saved guest's disk, or an overlay of it, with a copy of the
            UEFI variables beside it.
        """

    def hardware(self, image: Image) -> object:
        """The virtual hardware for an image, as JSON types: a saved state fits exactly the guests
        whose hardware is equal."""

    def close(self) -> None:
        """Release the host once no guest runs any more. Never raises, may be called twice."""


def label(image: str, backend: Backend) -> str:
    """The name of an image where guests of both backends are kept apart.

    :param image: the image's name.
    """
    return image if backend is Backend.QMP else f"{image}-via-{backend}"


class QemuHypervisor:
    """Starts each guest in a QEMU of its own, controlled by QMP.

    :param accelerator: how the guests' CPUs run.
    """

    backend = Backend.QMP
    restores = True
    restores_ahead = True

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator

    def start(self, image: Image, overlay: Path, memory: MemoryFile | None = None) -> QemuMachine:
        """See :meth:`Hypervisor.start`."""
        return QemuMachine.start(image, self.accelerator, overlay, memory)

    def restore(self, image: Image, overlay: Path, saved: SavedState) -> QemuMachine:
        """See :meth:`Hypervisor.restore`."""
        return QemuMachine.restore(image, self.accelerator, overlay, saved)

    def hardware(self, image: Image) -> object:
        """QEMU's command line, which determines nearly all of it."""
        return command_line(image, _NOWHERE, self.accelerator)

    def close(self) -> None:
        """Nothing to release."""
