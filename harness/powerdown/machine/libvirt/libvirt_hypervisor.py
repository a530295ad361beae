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
    """Starts each guest as a libvirt domain.

    :param accelerator: how the guests' CPUs run.
    :param uri: URI of the libvirt to use; ``None`` for an embedded driver of the harness's own.
    :param cache: directory where the embedded driver caches QEMU's capabilities.
    :raise HostError: libvirt cannot be reached.
    """

    backend = Backend.LIBVIRT
    restores_ahead = False

    def __init__(self, accelerator: Accelerator, uri: str | None, cache: Path) -> None:
        self.accelerator = accelerator
        # A saved domain can be restored once at a time, and only the embedded driver is not shared.
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
        """The domain's XML and libvirt's version, which decides what the XML leaves open."""
        flash = uefi_candidate() if image.firmware is Firmware.UEFI else None
        wiring = DomainWiring("", _NO_UUID, Path(QEMU), Path("/overlay"), flash)
        xml = domain_xml(image, wiring, self.accelerator)
        return [xml, self._site.connection.virt.getLibVersion()]

    def close(self) -> None:
        """End guests that still run and disconnect. Never raises, may be called twice."""
        self._site.guard.close()
        self._site.connection.close()
        if self._private is not None:
            self._private.close()

    def _own(self) -> PrivateLibvirt:
        assert self._private is not None
        return self._private
