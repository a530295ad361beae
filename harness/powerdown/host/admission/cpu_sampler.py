"""How many cores are idle, less those that guests just admitted are about to take."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from powerdown.host.admission.host_resources import CpuReading, HostResources, free_cores
from powerdown.host.admission.process_usage import PROC, read_wanted
from powerdown.host.admission.slot_file import SlotEntry, SlotState

_SHORTEST = 0.2
"""Seconds between two readings that tell enough; the kernel counts in hundredths."""

_OLDEST = 3.0
"""Seconds after which a reading says nothing of now."""

_QUIET_AFTER = 2.0
"""Seconds; a starting guest that wants next to nothing for so long does not start any more."""

_QUIET = 0.25
"""Part of its CPUs that such a guest wants at most."""


@dataclass(frozen=True)
class _Reading:
    cpu: CpuReading
    wanted: dict[int, float]


class CpuSampler:
    """Measures between two readings of the kernel's counters, the older often from long ago.

    :param host: whose CPUs.
    :param proc: where the proc file system is.
    """

    def __init__(self, host: HostResources, proc: Path = PROC) -> None:
        self._host = host
        self._proc = proc
        self._readings: deque[_Reading] = deque()

    def read(self, guests: Iterable[SlotEntry]) -> None:
        """Read the counters now, to have something to compare with later; some 0.2 ms.

        :raise HostError: the kernel does not tell.
        """
        wanted = {}
        for guest in guests:
            if guest.guest is not None:
                seconds = read_wanted(guest.guest.pid, self._proc)
                if seconds is not None:
                    wanted[guest.ticket] = seconds
        cpu = self._host.read_cpu()
        self._readings.append(_Reading(cpu, wanted))
        while cpu.at - self._readings[0].cpu.at > _OLDEST:
            self._readings.popleft()

    def free(self, guests: Iterable[SlotEntry]) -> float | None:
        """Cores free since a moment ago, less what starting guests have not taken yet.

        :return: ``None`` until two readings lie far enough apart.
        """
        if not self._readings:
            return None
        last = self._readings[-1]
        old_enough = (r for r in reversed(self._readings) if last.cpu.at - r.cpu.at >= _SHORTEST)
        first = next(old_enough, None)
        if first is None:
            return None
        # One that got ready in between may have worked for a part of that time only.
        starting = (guest for guest in guests if not _ready_before(guest, first.cpu.at))
        claimed = sum(self._claim(guest, first, last) for guest in starting)
        return free_cores(first.cpu, last.cpu) - claimed

    def _claim(self, guest: SlotEntry, first: _Reading, last: _Reading) -> float:
        """Cores that a starting guest has a right to and does not use."""
        vcpus = min(float(guest.vcpus), self._host.cores())
        oldest = next((r for r in self._readings if guest.ticket in r.wanted), last)
        watched = last.cpu.at - oldest.cpu.at
        if watched >= _QUIET_AFTER and _wants(guest, oldest, last) < _QUIET * vcpus:
            return 0.0
        return max(0.0, vcpus - _wants(guest, first, last))


def _ready_before(guest: SlotEntry, moment: float) -> bool:
    return guest.state is SlotState.READY and guest.ready_at <= moment


def _wants(guest: SlotEntry, first: _Reading, last: _Reading) -> float:
    """Cores it wanted between two readings; of one that came in between, all that it wanted."""
    before, after = (reading.wanted.get(guest.ticket, 0.0) for reading in (first, last))
    return max(0.0, after - before) / (last.cpu.at - first.cpu.at)
