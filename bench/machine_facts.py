"""The machine on which the figures were measured."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from powerdown.host.host import Host
from powerdown.report.gate_result import HostFacts

_MEMORY_INFORMATION = Path("/proc/meminfo")
_CPU_INFORMATION = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class MachineFacts:
    """This host.

    :param cores: CPUs that this process may use.
    :param cpu: model name of the first.
    :param memory_mib: the host's memory.
    :param kernel: its release.
    :param python: its version.
    :param qemu: its version.
    :param accelerator: ``kvm`` or ``tcg``.
    :param why: why that accelerator.
    :param load: load average of the minute before the benchmarks began: above a few tenths the
        host was busy with something else.
    """

    cores: int
    cpu: str
    memory_mib: int
    kernel: str
    python: str
    qemu: str
    accelerator: str
    why: str
    load: float

    @classmethod
    def of(cls, host: Host) -> MachineFacts:
        """Read the facts of this host."""
        facts = HostFacts.of(host.accelerator)
        return cls(
            cores=len(os.sched_getaffinity(0)),
            cpu=_field(_CPU_INFORMATION, "model name") or platform.machine(),
            memory_mib=int((_field(_MEMORY_INFORMATION, "MemTotal") or "0").split()[0]) >> 10,
            kernel=platform.release(),
            python=platform.python_version(),
            qemu=facts.qemu_version,
            accelerator=facts.accelerator,
            why=facts.why,
            load=round(os.getloadavg()[0], 2),
        )

    def to_json(self) -> dict[str, object]:
        """As written to the result."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.cores} cores ({self.cpu}), {self.memory_mib} MiB, Linux {self.kernel}, "
            f"QEMU {self.qemu}, {self.accelerator} ({self.why}), load before {self.load:.2f}"
        )


def _field(file: Path, name: str) -> str:
    for line in file.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
