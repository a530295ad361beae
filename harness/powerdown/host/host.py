"""The host: starts guests, cold or cloned, as many as it has room for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.files import cache_directory
from powerdown.guest.guest import Guest
from powerdown.guest.guest_time import GuestTime
from powerdown.guest.probe_programs import ProbeProgram, compile_probe
from powerdown.host.admission.admission import ADMISSION_TIMEOUT, Admission, Slot
from powerdown.host.admission.guest_cost import CostRecords, GuestKind
from powerdown.host.admission.host_resources import HostResources
from powerdown.host.admission.workers import Workers, workers
from powerdown.host.snapshots.warm_start import WarmStart
from powerdown.images.image import Image, Start
from powerdown.images.overlay import create_overlay
from powerdown.machine.accelerator import Accelerator, detect
from powerdown.machine.backend import Backend
from powerdown.machine.hypervisor import Hypervisor, QemuHypervisor

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Host:
    """What guests need from this host.

    :param hypervisor: who starts them.
    :param cache: where costly things are kept.
    :param warm_start: where clones of ready guests come from; ``None`` to start every guest cold.
    :param admission: lets a guest start when there is room for it; ``None`` to start it at once.
    """

    hypervisor: Hypervisor
    cache: Path
    warm_start: WarmStart | None = None
    admission: Admission | None = None

    @classmethod
    def of_this_host(cls, backend: Backend = Backend.QMP, uri: str | None = None) -> Host:
        """Look at this host.

        :param backend: which way commands take to QEMU.
        :param uri: of the libvirt that has the guests, if that is the way; ``None`` for one of the
            harness's own.
        :raise HostError: QEMU is missing or does not run, or libvirt cannot be reached.
        """
        cache = cache_directory()
        accelerator = detect(cache)
        if backend is Backend.QMP:
            return cls(QemuHypervisor(accelerator), cache)
        # Only now: libvirt-python need not be there for the other way.
        from powerdown.machine.libvirt.libvirt_hypervisor import LibvirtHypervisor

        return cls(LibvirtHypervisor(accelerator, uri, cache), cache)

    def with_templates(self, notes: Path) -> Host:
        """This host, with guests that start from templates, where they can be saved.

        :param notes: directory shared by all processes of a run.
        """
        if not self.hypervisor.restores:
            _log.info(
                "guests start cold: a shared libvirt restores one copy of a saved guest at a time"
            )
            return self
        warm_start = WarmStart(self.hypervisor, self.cache, notes)
        return replace(self, warm_start=warm_start)

    def with_admission(self, directory: Path) -> Host:
        """This host, with guests that wait until there is room for them.

        :param directory: shared by all processes of a run.
        """
        admission = Admission(directory, CostRecords(self.costs))
        return replace(self, admission=admission)

    @property
    def accelerator(self) -> Accelerator:
        """How guests' CPUs run."""
        return self.hypervisor.accelerator

    @property
    def costs(self) -> Path:
        """Where it is remembered what guests cost."""
        return self.cache / "costs"

    def probe_program(self, program: ProbeProgram) -> Path:
        """A probe program, compiled if it has to be."""
        return compile_probe(program, self.cache)

    def prepare(self, image: Image) -> None:
        """Do once what later makes clones of this image quick."""
        if self.warm_start is not None:
            self.warm_start.prepare(image)

    def clone(self, image: Image, time: GuestTime) -> Guest | None:
        """A guest that is ready, to be closed by the caller; ``None`` where it must be booted.

        The directory of its overlay is its own; remove it when the disk is not needed any more.

        :param time: where the time spent waiting for it is counted.
        """
        if self.warm_start is None:
            return None
        with ExitStack() as on_failure, self._admitted(image, Start.WARM, time) as slot:
            guest = self.warm_start.clone(image, time)
            if guest is not None and slot is not None:
                on_failure.callback(guest.close)
                guest.hold(slot)
                slot.ready()
                on_failure.pop_all()
            return guest

    def close(self) -> None:
        """Let go of what is kept for guests; none may run any more."""
        if self.warm_start is not None:
            self.warm_start.close()
        self.hypervisor.close()

    def boot(
        self,
        image: Image,
        directory: Path,
        overlay: Path | None = None,
        time: GuestTime | None = None,
    ) -> Guest:
        """Switch a guest on, to be closed by the caller; :meth:`Guest.wait_until_ready` is next.

        :param directory: where its overlay goes.
        :param overlay: boot from the overlay of an earlier guest instead of a new one.
        :param time: where the time spent waiting for it is counted; its own if not given.
        """
        disk, time = overlay or create_overlay(image.disk, directory), time or GuestTime()
        with ExitStack() as on_failure, self._admitted(image, Start.COLD, time) as slot:
            guest = Guest.power_on(self.hypervisor, image, disk, time)
            on_failure.callback(guest.close)
            if slot is not None:
                guest.hold(slot)
            on_failure.pop_all()
        return guest

    @contextmanager
    def _admitted(self, image: Image, start: Start, time: GuestTime) -> Iterator[Slot | None]:
        """A slot for a guest to hold; given up if none does."""
        if self.admission is None:
            yield None
            return
        kind = self._kind(image, start)
        slot = self.admission.admit(kind, Deadline.after(ADMISSION_TIMEOUT))
        time.queue(slot.waited)
        if slot.note:
            _log.info("%s: %s", image.name, slot.note)
        try:
            yield slot
        finally:
            if not slot.held:
                slot.close()

    def _kind(self, image: Image, start: Start) -> GuestKind:
        backend = self.hypervisor.backend
        how = start.value if backend is Backend.QMP else f"{start.value}-via-{backend}"
        return GuestKind.of(image, self.accelerator, how)

    def workers(self, images: Iterable[Image], *, cold: bool) -> Workers:
        """How many guests of these images can live at once on this host.

        :param cold: whether all of them are booted from power-on.
        :raise HostError: the kernel does not tell what is free.
        """
        records, costs, shared = CostRecords(self.costs), [], 0
        for image in images:
            start = Start.COLD if cold else image.start
            costs.append(records.cost(self._kind(image, start)))
            if start is Start.WARM:
                # The template's memory, on the tmpfs.
                shared += image.memory_mib << 20
        return workers(HostResources(), costs, shared=shared)
