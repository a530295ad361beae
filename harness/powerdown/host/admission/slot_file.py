"""The slot file: a run's guests and the workers that ask for one, shared by all workers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from powerdown.core.deadline import now
from powerdown.core.errors import HostError
from powerdown.core.files import locked
from powerdown.host.admission.process_usage import PROC, start_time


class SlotState(StrEnum):
    """The state of a slot."""

    ASKED = "asked"
    STARTING = "starting"
    READY = "ready"


@dataclass(frozen=True)
class ProcessName:
    """A process, identified beyond its id, which the kernel may give to another later.

    :param pid: its id.
    :param started: when it started, in ticks since the host did.
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int, proc: Path = PROC) -> ProcessName | None:
        """The process that has this id now; ``None`` if there is none that still runs."""
        started = start_time(pid, proc)
        return None if started is None else cls(pid, started)

    def alive(self, proc: Path = PROC) -> bool:
        """Whether it still runs."""
        return start_time(self.pid, proc) == self.started


@dataclass
class SlotEntry:
    """One guest that runs or is asked for.

    :param ticket: its number; a lower one asked earlier.
    :param worker: the worker that asks; the guest ends with it.
    :param vcpus: its virtual CPUs.
    :param memory: bytes that it is expected to hold.
    :param waits_until: when its worker stops waiting, on the host-monotonic clock, which all
        processes of a host share.
    :param state: its state.
    :param guest: its QEMU, once that runs.
    :param ready_at: when it got ready, on the same clock; 0 until then.
    """

    ticket: int
    worker: ProcessName
    vcpus: int
    memory: int
    waits_until: float
    state: SlotState = SlotState.ASKED
    guest: ProcessName | None = None
    ready_at: float = 0.0

    def alive(self, proc: Path) -> bool:
        """Whether it still counts: its worker lives, and its QEMU if it has been started."""
        return self.worker.alive(proc) and (self.guest is None or self.guest.alive(proc))


@dataclass
class SlotTable:
    """The content of the slot file while it is open.

    :param next_ticket: the next ticket to give out.
    :param entries: the guests, in the order of their tickets.
    """

    next_ticket: int = 0
    entries: list[SlotEntry] = field(default_factory=list)

    def enter(self, worker: ProcessName, vcpus: int, memory: int, waits_until: float) -> SlotEntry:
        """Ask for a guest."""
        entry = SlotEntry(self.next_ticket, worker, vcpus, memory, waits_until)
        self.next_ticket += 1
        self.entries.append(entry)
        return entry

    def find(self, ticket: int) -> SlotEntry | None:
        """The guest with this ticket, unless it has gone."""
        return next((entry for entry in self.entries if entry.ticket == ticket), None)

    def remove(self, ticket: int) -> None:
        """Remove a guest, if it is still there."""
        self.entries = [entry for entry in self.entries if entry.ticket != ticket]

    def living(self) -> list[SlotEntry]:
        """The guests that have been admitted."""
        return [entry for entry in self.entries if entry.state is not SlotState.ASKED]

    def before(self, ticket: int) -> list[SlotEntry]:
        """The entries that asked earlier and still wait."""
        asked = (entry for entry in self.entries if entry.state is SlotState.ASKED)
        # One whose time is up starts in any case, or was stopped: it is not waited for.
        return [one for one in asked if one.ticket < ticket and one.waits_until > now()]


class SlotFile:
    """The file; entries of dead processes are removed whenever it is opened.

    :param directory: private to the run and shared by its workers; made if need be.
    :param proc: where the proc file system is.
    """

    def __init__(self, directory: Path, proc: Path = PROC) -> None:
        self._directory = directory
        self._proc = proc
        directory.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def opened(self) -> Iterator[SlotTable]:
        """Open it exclusively; changes in the block are kept unless it raises.

        :raise HostError: it cannot be read or written.
        """
        try:
            with self._locked() as table:
                yield table
        except OSError as error:
            raise HostError(
                f"update the slot file in {self._directory}",
                error.strerror or str(error),
                "Is the disk full, or TMPDIR cleared under a run?",
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[SlotTable]:
        with locked(self._directory / "slots.json") as file:
            text = os.pread(file, os.fstat(file).st_size, 0).decode("ascii", errors="replace")
            table = _parse(text)
            table.entries = [entry for entry in table.entries if entry.alive(self._proc)]
            yield table
            # In place, at once and never shorter: a worker may be killed in the middle of it.
            # Replacing the file instead would have some file systems write it to the disk.
            changed = json.dumps(asdict(table)).ljust(len(text))
            if changed != text:
                os.pwrite(file, changed.encode(), 0)


def _parse(text: str) -> SlotTable:
    if not text:
        return SlotTable()
    try:
        stored = json.loads(text)
        return SlotTable(stored["next_ticket"], [_entry(entry) for entry in stored["entries"]])
    except (ValueError, KeyError, TypeError):
        # A worker was killed while it wrote more than a page. The rest go on with a new book, in
        # which nobody has a ticket of the old one.
        return SlotTable(next_ticket=time.monotonic_ns())


def _entry(stored: dict[str, Any]) -> SlotEntry:
    guest = stored["guest"]
    return SlotEntry(
        **{
            **stored,
            "worker": ProcessName(**stored["worker"]),
            "state": SlotState(stored["state"]),
            "guest": None if guest is None else ProcessName(**guest),
        }
    )
