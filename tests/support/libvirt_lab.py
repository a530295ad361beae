"""libvirts for tests, and the guests on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from powerdown.images.image import Image
from powerdown.images.overlay import create_overlay
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from tests.support.boot_sector import boot_image
from tests.support.libvirt_daemon import Daemon, give_away

if TYPE_CHECKING:
    # Needs libvirt-python, which not every machine has.
    from powerdown.machine.libvirt.booted_domain import BootedDomain
    from powerdown.machine.libvirt.libvirt_hypervisor import LibvirtHypervisor

TCG = Accelerator(AcceleratorKind.TCG, "never KVM in the harness's own tests")


@dataclass
class Lab:
    """A libvirt, and a directory where its guests' disks can lie.

    :param daemon: ``None`` for the driver within this process.
    """

    hypervisor: LibvirtHypervisor
    disks: Path
    daemon: Daemon | None = None
    machines: list[BootedDomain] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def image(self, guest: bytes) -> Image:
        """An image whose disk starts with this code."""
        directory = self.disks / str(next(self.numbers))
        directory.mkdir()
        return boot_image(directory, guest)

    def boot(self, guest: bytes | Image, overlay: Path | None = None) -> BootedDomain:
        """A guest; with the overlay of an earlier one or a new one."""
        image = self.image(guest) if isinstance(guest, bytes) else guest
        overlay = overlay or create_overlay(image.disk, image.disk.path.parent)
        if self.daemon is not None:
            give_away(image.disk.path.parent)
        self.machines.append(self.hypervisor.start(image, overlay))
        return self.machines[-1]

    def domains(self) -> list[str]:
        """The names of those that libvirt has."""
        found = self.hypervisor._site.connection.virt.listAllDomains()
        ours = {machine._handle.uuid for machine in self.machines}
        return [domain.name() for domain in found if domain.UUIDString() in ours]

    def close(self) -> None:
        """End its guests, all at once: libvirt takes its time over each."""
        with ThreadPoolExecutor(max(1, len(self.machines))) as each:
            list(each.map(lambda machine: machine.close(), self.machines))


MakeDaemon = Callable[[], Daemon]


CUT = r"its power was cut|libvirt: destroyed"
"""What is said of a domain that was destroyed; QEMU is not always heard before."""
