"""What the kernel tells of processes, CPUs and control groups, in files a test writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from powerdown.host.admission.host_resources import CpuReading, HostResources

GIB = 1024**3
MIB = 1024**2


class FakeProc:
    """A ``/proc`` of a few files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "self").mkdir(parents=True)

    def cpus(self, *idle_ticks: int) -> None:
        """Each CPU has been idle for so many hundredths of a second, and as many for a disk."""
        lines = [f"cpu{n} 5 5 5 {ticks} {ticks} 0 0 0 0 0" for n, ticks in enumerate(idle_ticks)]
        total = sum(idle_ticks)
        self._write("stat", "\n".join([f"cpu  9 9 9 {total} {total} 0 0", *lines, "btime 1"]))

    def memory(self, total: int, available: int) -> None:
        self._write(
            "meminfo",
            f"MemTotal: {total // 1024} kB\nMemFree: 1 kB\nMemAvailable: {available // 1024} kB\n",
        )

    def control_group(self, name: str) -> None:
        self._write("self/cgroup", f"3:cpuset:/elsewhere\n0::/{name}\n")

    def process(
        self,
        pid: int,
        *,
        started: int = 1,
        state: str = "S",
        anonymous_kib: int | None = 1000,
        threads: Mapping[int, Sequence[float]] | None = None,
    ) -> None:
        """A process whose threads have run and waited for so many seconds."""
        middle = " ".join(["0"] * 18)
        self._write(f"{pid}/stat", f"{pid} (qemu) :) 2) {state} {middle} {started} 0 0")
        memory = "" if anonymous_kib is None else f"RssAnon:\t {anonymous_kib} kB\nVmPTE:\t 24 kB\n"
        self._write(f"{pid}/status", f"Name:\tqemu\nVmHWM:\t 999999 kB\n{memory}Threads:\t2\n")
        for thread, (ran, waited) in (threads or {}).items():
            line = f"{int(ran * 1e9)} {int(waited * 1e9)} 77\n"
            self._write(f"{pid}/task/{thread}/schedstat", line)

    def _write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


class ScriptedHost(HostResources):
    """A host that has what a test says."""

    def __init__(self, cores: float = 2.0, free: int = 16 * GIB, total: int = 32 * GIB) -> None:
        super().__init__()
        self.number_of_cores = cores
        self.free = free
        self.total = total
        self.reading = CpuReading(0.0, 0.0)

    def cores(self) -> float:
        return self.number_of_cores

    def free_memory(self) -> int:
        return self.free

    def total_memory(self) -> int:
        return self.total

    def read_cpu(self) -> CpuReading:
        return self.reading
