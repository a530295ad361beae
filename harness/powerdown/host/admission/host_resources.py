"""What this host has: CPUs and memory, in all and left, within the limits of our control groups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.deadline import now
from powerdown.core.errors import HostError
from powerdown.host.admission.process_usage import PROC

_CGROUPS = Path("/sys/fs/cgroup")
_KIB = 1024
_MICROSECONDS = 1e-6


@dataclass(frozen=True)
class CpuReading:
    """Counters of the CPUs that we may use; the difference of two says what was free in between.

    :param at: seconds on the host-monotonic clock.
    :param idle: seconds that those CPUs had nothing to do, added up.
    :param ours: seconds that this process, the harness itself, used.
    :param quotas: for each control group with a limit: cores it may use, seconds it used.
    """

    at: float
    idle: float
    ours: float = 0.0
    quotas: tuple[tuple[float, float], ...] = ()


def free_cores(earlier: CpuReading, later: CpuReading) -> float:
    """Cores that were free between two readings, or used by this process.

    It counts as free because it is about to wait for the guest that it asks for.
    """
    seconds = later.at - earlier.at
    if seconds <= 0:
        return 0.0
    free = (later.idle - earlier.idle) / seconds
    pairs = zip(earlier.quotas, later.quotas, strict=False)
    for (_, used_before), (quota, used) in pairs:
        free = min(free, quota - (used - used_before) / seconds)
    return max(0.0, free) + max(0.0, later.ours - earlier.ours) / seconds


class HostResources:
    """This host, as far as this process may use it.

    Control groups are those of version 2; a limit of version 1 is not seen.

    :param proc: where the proc file system is.
    :param cgroups: where control groups are.
    :param cpus: numbers of the CPUs this process may use; asked from the kernel if not given.
    """

    def __init__(
        self,
        proc: Path = PROC,
        cgroups: Path = _CGROUPS,
        cpus: frozenset[int] | None = None,
    ) -> None:
        self._proc = proc
        self._cgroups = cgroups
        self._cpus = frozenset(os.sched_getaffinity(0)) if cpus is None else cpus

    def cores(self) -> float:
        """How many CPUs this process may keep busy; a share of one under a small quota."""
        quotas = (_quota(group) for group in self._groups())
        return min([float(len(self._cpus)), *(quota for quota in quotas if quota is not None)])

    def read_cpu(self) -> CpuReading:
        """The counters as they are.

        Idle time is of the whole host: another run of Powerdown, or a compiler, takes it as well.

        :raise HostError: the kernel does not tell.
        """
        ours = os.times()
        quotas = tuple(
            (quota, used)
            for group in self._groups()
            if (quota := _quota(group)) is not None and (used := _used(group)) is not None
        )
        return CpuReading(now(), self._idle(), ours.user + ours.system, quotas)

    def total_memory(self) -> int:
        """Bytes of memory we could have if nobody else used any.

        :raise HostError: the kernel does not tell.
        """
        limits = (_number(group / "memory.max") for group in self._groups())
        return min([self._memory("MemTotal"), *(limit for limit in limits if limit is not None)])

    def free_memory(self) -> int:
        """Bytes that can be taken without swapping; what only caches files counts as free.

        :raise HostError: the kernel does not tell.
        """
        left = (_memory_left(group) for group in self._groups())
        free = [self._memory("MemAvailable"), *(left for left in left if left is not None)]
        return max(0, min(free))

    def _idle(self) -> float:
        seconds, ticks = 0.0, os.sysconf("SC_CLK_TCK")
        for line in self._lines("stat"):
            name, *counters = line.split()
            if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in self._cpus:
                # Fields 4 and 5 (man 5 proc): idle, and idle while a disk is waited for.
                seconds += sum(int(counter) for counter in counters[3:5]) / ticks
        # Some sandboxes do not count at all. Their CPUs pass for idle: better than for busy.
        return seconds or now() * len(self._cpus)

    def _memory(self, name: str) -> int:
        for line in self._lines("meminfo"):
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * _KIB
        raise HostError("find out how much memory is free", f"no {name} in meminfo", "Is /proc on?")

    def _lines(self, name: str) -> list[str]:
        try:
            return (self._proc / name).read_text().splitlines()
        except OSError as error:
            raise HostError(f"read {self._proc / name}", str(error), "Mount /proc.") from error

    def _groups(self) -> Iterator[Path]:
        """Our control group and those above it, each of which may limit us."""
        group = self._cgroups
        try:
            lines = (self._proc / "self" / "cgroup").read_text().splitlines()
        except OSError:
            lines = []
        for line in lines:
            if line.startswith("0::/"):
                group = self._cgroups / line.removeprefix("0::/").strip("/")
        while group != self._cgroups and self._cgroups in group.parents:
            yield group
            group = group.parent
        yield self._cgroups


def _quota(group: Path) -> float | None:
    """Cores that a group may use (``cpu.max``: microseconds allowed in each period, or max)."""
    try:
        allowed, period = (group / "cpu.max").read_text().split()
        return None if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _used(group: Path) -> float | None:
    used = _statistic(group / "cpu.stat", "usage_usec")
    return None if used is None else used * _MICROSECONDS


def _memory_left(group: Path) -> int | None:
    limit = _number(group / "memory.max")
    current = _number(group / "memory.current")
    if limit is None or current is None:
        return None
    # Cached files are dropped when a process needs the room.
    return limit - current + (_statistic(group / "memory.stat", "inactive_file") or 0)


def _statistic(file: Path, name: str) -> int | None:
    try:
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return None


def _number(file: Path) -> int | None:
    """A limit or a count; ``None`` for ``max``, which is none, and where there is no such file."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
