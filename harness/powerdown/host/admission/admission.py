"""Lets guests in while the host has room for them, and keeps what they cost."""

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

PATIENCE = 120.0
"""Seconds that a scenario should wait for its guest's place at most."""

_ROOM = 0.7
"""Cores that must be free for one more guest. Not a whole one: guests that do nothing still take
some hundredths each, and on two cores they would keep the second from ever counting as free."""

_LOOK_AGAIN = 0.05
"""Seconds until a worker that waits looks again. That another guest wants less is no event."""

_LOG_AFTER = 30.0
"""Seconds of waiting after which it is worth a line."""

_GIB = 1024**3


class Admission:
    """Whose turn it is to start a guest, among all workers of a run.

    One more is let in when a core is free: really idle, not merely unclaimed. So a guest that
    sleeps, hangs in a halt, waits or is paused to be diagnosed holds no place, and one that spins
    does; and two runs on one host leave each other room. Only a guest that starts holds as many
    cores as it has CPUs, until it is ready. Memory must be free as well, what living guests are
    still going to take left out.

    Turns are taken in the order of asking. A run's only guest never waits, and nobody waits for
    ever: whoever has waited long enough starts all the same.

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
        self._ledger = SlotFile(directory, proc)
        self._costs = costs
        self._host = host or HostResources(proc)
        self._proc = proc
        self._gauge = CpuSampler(self._host, proc)

    def admit(self, kind: GuestKind, deadline: Deadline) -> Slot:
        """Wait for a place for one more guest; that is logged if it takes long.

        :param deadline: when to start it all the same.
        :return: its place, to be closed with the guest.
        :raise HostError: the kernel does not tell what is free.
        """
        patience = Event()
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
                    _log.info("%s waits for a place: %s", kind.image, obstacle)
                    logged = True
                patience.wait(deadline.at_most(_LOOK_AGAIN).remaining)
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
        with self._ledger.opened() as book:
            return book.enter(worker, kind.vcpus, cost.memory, deadline.at).ticket

    def _try(self, ticket: int, anyway: bool) -> str | None:
        """Take the place if it is free, or anyway; what is in the way of it."""
        with self._ledger.opened() as book:
            entry = book.find(ticket)
            if entry is None:
                # Lost with a damaged ledger: there is no turn left to wait for.
                return None
            obstacle = self._obstacle(book, entry)
            if obstacle is None or anyway:
                entry.standing = SlotState.STARTING
            return obstacle

    def _obstacle(self, book: SlotTable, entry: SlotEntry) -> str | None:
        living = book.living()
        # Those behind others read as well, to have measured when it is their turn.
        self._gauge.read(living)
        # A worker that waited for guests of its own would wait in vain, and so would all who have
        # asked earlier and wait for those guests too.
        if living and all(guest.worker == entry.worker for guest in living):
            return None
        if earlier := book.before(entry.ticket):
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
        free = self._gauge.free(living)
        if free is None:
            return "it is still being measured what the others do"
        # A host that lets us have less than a core lets one guest in at a time.
        if free >= min(_ROOM, self._host.cores()):
            return None
        return f"only {max(0.0, free):.1f} cores are free, with {len(living)} guests alive"

    def _started(self, ticket: int, pid: int) -> None:
        with self._ledger.opened() as book:
            entry = book.find(ticket)
            if entry is not None:
                entry.guest = ProcessName.of(pid, self._proc)
                if entry.guest is None:
                    book.remove(ticket)

    def _ready(self, ticket: int) -> None:
        with self._ledger.opened() as book:
            entry = book.find(ticket)
            if entry is not None:
                entry.standing, entry.ready_at = SlotState.READY, now()

    def _leave(self, ticket: int) -> None:
        with self._ledger.opened() as book:
            book.remove(ticket)
            # This worker soon asks again; with this reading it need not measure then.
            self._gauge.read(book.living())


class Slot(Closeable):
    """A guest's place among those that live; close it when the guest is closed.

    :ivar waited: seconds it was waited for.
    :ivar note: why it was taken though there was no room; empty where there was.
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
        """Its QEMU runs as this process.

        :param kind: what it is, if not what the place was asked for.
        :raise HostError: the ledger cannot be written.
        """
        self._kind = kind or self._kind
        self._admission._started(self._ticket, pid)
        self._meter = GuestMeter(pid, self._admission._proc)

    @property
    def held(self) -> bool:
        """Whether a guest has it."""
        return self._meter is not None and not self._closed

    def ready(self) -> None:
        """It has got ready, or nobody waits for that: from now on it holds what it uses."""
        self._admission._ready(self._ticket)

    def close(self) -> None:
        """Give the place up and remember what the guest cost; just before QEMU is ended.

        May be called twice.
        """
        if self._closed:
            return
        self._closed = True
        life = None if self._meter is None else self._meter.close()
        # Without a ledger there is nothing to give up; a guest's end is no time to complain.
        with suppress(HostError):
            self._admission._leave(self._ticket)
        if life is not None:
            self._admission._costs.add(self._kind, life)
