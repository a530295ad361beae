"""Admits guests while the host has room for them, and records what they cost."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from threading import Event

from powerdown.core.closeable import Closeable
from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import HostError
from powerdown.host.admission.cpu_sampler import CpuSampler
from powerdown.host.admission.guest_cost import CostRecords, GuestCost, GuestKind
from powerdown.host.admission.guest_meter import GuestMeter
from powerdown.host.admission.host_resources import HostResources
from powerdown.host.admission.process_usage import PROC, read_memory
from powerdown.host.admission.slot_file import (
    ProcessName,
    SlotEntry,
    SlotFile,
    SlotState,
    SlotTable,
)
from powerdown.host.admission.workers import memory_reserve

_log = logging.getLogger(__name__)

ADMISSION_TIMEOUT = 120.0
"""Seconds that a scenario waits for its guest's slot at most."""

_ROOM = 0.7
"""Cores that must be free for one more guest. Not a whole one: guests that do nothing still take
some hundredths each, and on two cores they would keep the second from ever counting as free."""

_LOOK_AGAIN = 0.05
"""Seconds between two tries of a waiting worker: that another guest wants less CPU is no event."""

_LOG_AFTER = 30.0
"""Seconds of waiting after which that is logged."""

_GIB = 1024**3


class Admission:
    """Decides which worker of a run may start its guest next.

    One more guest is admitted when a core is idle, not merely unclaimed. So a guest that sleeps,
    hangs halted, waits or is paused takes no core, and one that spins does; and two runs on one
    host leave each other room. A guest that boots counts for as many cores as it has CPUs until
    it is ready. Its memory must be free as well, beside what running guests may still take.

    Workers are admitted in the order of asking. The only guest of a run never waits, and after the
    timeout a guest starts in any case.

    :param directory: private to the run and shared by its workers.
    :param costs: what guests cost.
    :param host: the host; this one if not given.
    :param proc: where the proc file system is.
    """

    def __init__(
        self,
        directory: Path,
        costs: CostRecords,
        host: HostResources | None = None,
        proc: Path = PROC,
    ) -> None:
        self._slots = SlotFile(directory, proc)
        self._costs = costs
        self._host = host or HostResources(proc)
        self._proc = proc
        self._cpu_sampler = CpuSampler(self._host, proc)

    def admit(self, kind: GuestKind, deadline: Deadline) -> Slot:
        """Wait for a slot for one more guest; that is logged if it takes long.

        :param deadline: when to start it all the same.
        :return: its slot, to be closed with the guest.
        :raise HostError: the kernel does not tell what is free.
        """
        timer = Event()
        began, cost, logged = now(), self._costs.cost(kind), False
        ticket = self._ask(kind, cost, deadline)
        try:
            while True:
                anyway = deadline.expired
                obstacle = self._try(ticket, anyway)
                if obstacle is None or anyway:
                    break
                waited = now() - began
                if not logged and waited > _LOG_AFTER:
                    _log.info("%s waits for a slot: %s", kind.image, obstacle)
                    logged = True
                timer.wait(deadline.at_most(_LOOK_AGAIN).remaining)
        except BaseException:
            with suppress(HostError):
                self._leave(ticket)
            raise
        waited = now() - began
        note = f"started after {waited:.0f} s of waiting although {obstacle}" if obstacle else ""
        return Slot(self, ticket, kind, waited, note)

    def _ask(self, kind: GuestKind, cost: GuestCost, deadline: Deadline) -> int:
        worker = ProcessName.of(os.getpid(), self._proc)
        if worker is None:
            raise HostError("find this process", f"it is not in {self._proc}", "Mount /proc.")
        with self._slots.opened() as table:
            return table.enter(worker, kind.vcpus, cost.memory, deadline.at).ticket

    def _try(self, ticket: int, anyway: bool) -> str | None:
        """Take a slot if there is one, or anyway; what stands in the way."""
        with self._slots.opened() as table:
            entry = table.find(ticket)
            if entry is None:
                # Lost with a damaged file: there is no turn left to wait for.
                return None
            obstacle = self._obstacle(table, entry)
            if obstacle is None or anyway:
                entry.state = SlotState.STARTING
            return obstacle

    def _obstacle(self, table: SlotTable, entry: SlotEntry) -> str | None:
        living = table.living()
        # Those further back measure as well, to be ready when it is their turn.
        self._cpu_sampler.read(living)
        # A worker that waited for guests of its own would wait in vain, and so would all who have
        # asked earlier and wait for those guests too.
        if living and all(guest.worker == entry.worker for guest in living):
            return None
        if earlier := table.before(entry.ticket):
            return f"{len(earlier)} asked earlier"
        if not living:
            return None
        if entry.vcpus + sum(guest.vcpus for guest in living) <= self._host.cores():
            # Whatever they do, there is a core for each; nothing need be measured.
            return self._no_memory(entry, living)
        return self._no_memory(entry, living) or self._no_core(living)

    def _no_memory(self, entry: SlotEntry, living: list[SlotEntry]) -> str | None:
        to_come = sum(max(0, guest.memory - self._held(guest)) for guest in living)
        free = self._host.free_memory() - memory_reserve(self._host.total_memory())
        if free - to_come >= entry.memory:
            return None
        return (
            f"it costs {entry.memory / _GIB:.2f} GiB; {free / _GIB:.2f} GiB are free, of which "
            f"{len(living)} living guests may still take {to_come / _GIB:.2f} GiB"
        )

    def _held(self, guest: SlotEntry) -> int:
        held = None if guest.guest is None else read_memory(guest.guest.pid, self._proc)
        return held or 0

    def _no_core(self, living: list[SlotEntry]) -> str | None:
        free = self._cpu_sampler.free(living)
        if free is None:
            return "the CPU use of the others is still being measured"
        # A host with less than a core for us admits one guest at a time.
        if free >= min(_ROOM, self._host.cores()):
            return None
        return f"only {max(0.0, free):.1f} cores are free, with {len(living)} guests alive"

    def _started(self, ticket: int, pid: int) -> None:
        with self._slots.opened() as table:
            entry = table.find(ticket)
            if entry is not None:
                entry.guest = ProcessName.of(pid, self._proc)
                if entry.guest is None:
                    table.remove(ticket)

    def _ready(self, ticket: int) -> None:
        with self._slots.opened() as table:
            entry = table.find(ticket)
            if entry is not None:
                entry.state, entry.ready_at = SlotState.READY, now()

    def _leave(self, ticket: int) -> None:
        with self._slots.opened() as table:
            table.remove(ticket)
            # This worker will ask again soon; with this reading it need not measure then.
            self._cpu_sampler.read(table.living())


class Slot(Closeable):
    """A guest's slot among the running guests; close it when the guest is closed.

    :ivar waited: seconds spent waiting for it.
    :ivar note: why the guest starts without room; empty where there was room.
    """

    def __init__(
        self, admission: Admission, ticket: int, kind: GuestKind, waited: float, note: str
    ) -> None:
        self.waited = waited
        self.note = note
        self._admission = admission
        self._ticket = ticket
        self._kind = kind
        self._meter: GuestMeter | None = None
        self._closed = False

    def started(self, pid: int, kind: GuestKind | None = None) -> None:
        """Note the process of the guest's QEMU.

        :param kind: what it is, if not what the slot was asked for.
        :raise HostError: the slot file cannot be written.
        """
        self._kind = kind or self._kind
        self._admission._started(self._ticket, pid)
        self._meter = GuestMeter(pid, self._admission._proc)

    @property
    def held(self) -> bool:
        """Whether a guest holds it."""
        return self._meter is not None and not self._closed

    def ready(self) -> None:
        """Note that the guest is ready, or not waited for: from now on it counts for what it
        uses."""
        self._admission._ready(self._ticket)

    def close(self) -> None:
        """Give the slot up and record what the guest cost; call it just before QEMU is ended.

        May be called twice.
        """
        if self._closed:
            return
        self._closed = True
        life = None if self._meter is None else self._meter.close()
        # Without the file there is nothing to give up, and the guest ends in any case.
        with suppress(HostError):
            self._admission._leave(self._ticket)
        if life is not None:
            self._admission._costs.add(self._kind, life)
