"""How busy a guest is, as the host counts it: CPU time and bytes of disk traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.qmp import Qmp

_PROC = Path("/proc")

_NANOSECONDS = 1e-9


@dataclass(frozen=True)
class Activity:
    """Totals since the guest was started; the difference of two is the activity in between.

    :param at: seconds on the host-monotonic clock, taken after the reading.
    :param cpu_seconds: time for which the host threads of the guest's CPUs ran.
    :param wanted_cpu_seconds: time for which they ran or waited for a CPU of the host. An idle
        guest wants a few hundredths of a second each second; one that spins wants as many seconds
        as it has CPUs, however busy the host is.
    :param read_bytes: read by the guest from all its disks.
    :param written_bytes: written to them.
    """

    at: float
    cpu_seconds: float
    wanted_cpu_seconds: float
    read_bytes: int
    written_bytes: int


def read_activity(qmp: Qmp, pid: int | None, deadline: Deadline) -> Activity:
    """Read the totals, in any run state.

    Sources: ``query-cpus-fast`` (qapi/machine.json) names the threads, the host's kernel times
    them; ``query-blockstats`` (qapi/block-core.json) counts at the disk devices.

    :param pid: QEMU's process; ``None`` once it has ended.
    :raise MachineError: QEMU has ended or its answer is malformed.
    """
    threads = _thread_ids(qmp.execute("query-cpus-fast", None, deadline))
    disks = _disk_stats(qmp.execute("query-blockstats", None, deadline))
    if pid is None:
        raise _ended()
    times = [_thread_seconds(pid, thread) for thread in threads]
    return Activity(
        at=now(),
        cpu_seconds=sum(ran for ran, _ in times),
        wanted_cpu_seconds=sum(ran + waited for ran, waited in times),
        read_bytes=_count(disks, "rd_bytes"),
        written_bytes=_count(disks, "wr_bytes"),
    )


def parse_schedstat(line: str) -> tuple[float, float]:
    """Seconds a task ran and seconds it waited for a CPU (Linux: sched-stats, /proc schedstat).

    :raise ValueError: the line has another format.
    """
    ran, waited, _ = (int(field) for field in line.split())
    return ran * _NANOSECONDS, waited * _NANOSECONDS


def _thread_seconds(pid: int, thread: int) -> tuple[float, float]:
    try:
        return parse_schedstat((_PROC / str(pid) / "task" / str(thread) / "schedstat").read_text())
    except OSError as error:
        raise _ended() from error
    except ValueError as error:
        raise _malformed(f"the kernel's schedstat of thread {thread}: {error}") from error


def _thread_ids(answer: object) -> set[int]:
    # A set: without multi-threaded emulation all CPUs share a thread.
    cpus = answer if isinstance(answer, list) else []
    threads = {cpu.get("thread-id") for cpu in cpus if isinstance(cpu, dict)}
    found = {thread for thread in threads if isinstance(thread, int)}
    if not found:
        raise _malformed(f"query-cpus-fast names no thread: {str(answer)[:200]}")
    return found


def _disk_stats(answer: object) -> list[Mapping[str, object]]:
    devices = answer if isinstance(answer, list) else []
    found = [device.get("stats") if isinstance(device, dict) else None for device in devices]
    stats: list[Mapping[str, object]] = [each for each in found if isinstance(each, dict)]
    if not stats or len(stats) < len(found):
        raise _malformed(f"query-blockstats has no statistics of a disk: {str(answer)[:200]}")
    return stats


def _count(disks: list[Mapping[str, object]], name: str) -> int:
    counts = [count for stats in disks if isinstance(count := stats.get(name), int)]
    if len(counts) < len(disks):
        raise _malformed(f"query-blockstats has no {name}")
    return sum(counts)


def _malformed(actual: str) -> MachineError:
    return MachineError("read the guest's CPU and disk activity", actual, "See the QMP transcript.")


def _ended() -> MachineError:
    return MachineError(
        "read the guest's CPU and disk activity", "QEMU has ended", "See QEMU's standard error."
    )
