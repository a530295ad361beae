"""libvirt as a :class:`Hypervisor`."""

from __future__ import annotations

from pathlib import Path

from powerdown.images.image import Firmware, Image
from powerdown.machine.accelerator import QEMU, Accelerator
from powerdown.machine.backend import Backend
from powerdown.machine.libvirt.booted_domain import BootedDomain, DomainSite
from powerdown.machine.libvirt.connection import Connection
from powerdown.machine.libvirt.domain_xml import DomainWiring, domain_xml
from powerdown.machine.libvirt.orphan_guard import OrphanGuard
from powerdown.machine.libvirt.private_libvirt import PrivateLibvirt
from powerdown.machine.qemu.firmware import uefi_candidate
from powerdown.machine.saved_state import MemoryFile, SavedState

_NO_UUID = "00000000-0000-0000-0000-000000000000"


class LibvirtHypervisor:
    """Each guest a domain.

    :param accelerator: how the guests' CPUs run.
    :param uri: of the libvirt that has them; ``None`` for one of the harness's own.
    :param cache: where a libvirt of our own remembers what QEMU can do.
    :raise HostError: libvirt cannot be reached.
    """

    backend = Backend.LIBVIRT
    restores_ahead = False

    def __init__(self, accelerator: Accelerator, uri: str | None, cache: Path) -> None:
        self.accelerator = accelerator
        # A saved domain can be restored once at a time. Ours is used by this process alone.
        self.restores = uri is None
        self._private = PrivateLibvirt(cache) if uri is None else None
        try:
            connection = Connection(uri or self._own().uri)
            try:
                root = None if self._private is None else self._private.root
                guard = OrphanGuard(uri or "", root)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            if self._private is not None:
                self._private.close()
            raise
        self._site = DomainSite(connection, accelerator, guard)

    def start(self, image: Image, overlay: Path, memory: MemoryFile | None = None) -> BootedDomain:
        """See :meth:`Hypervisor.start`."""
        return BootedDomain.start(self._site, image, overlay, memory)

    def restore(self, image: Image, overlay: Path, saved: SavedState) -> BootedDomain:
        """See :meth:`Hypervisor.restore`."""
        return BootedDomain.restore(self._site, image, overlay, saved)

    def hardware(self, image: Image) -> object:
        """The domain's XML, and libvirt's version: it chooses what the XML leaves open."""
        flash = uefi_candidate() if image.firmware is Firmware.UEFI else None
        wiring = DomainWiring("", _NO_UUID, Path(QEMU), Path("/overlay"), flash)
        xml = domain_xml(image, wiring, self.accelerator)
        return [xml, self._site.connection.virt.getLibVersion()]

    def close(self) -> None:
        """Let go of libvirt; ends what still runs. Never raises, may be called twice."""
        self._site.guard.close()
        self._site.connection.close()
        if self._private is not None:
            self._private.close()

    def _own(self) -> PrivateLibvirt:
        assert self._private is not None
        return self._private
