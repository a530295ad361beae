"""How many workers a run gets: as many as guests may live at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerdown.host.admission.guest_cost import GuestCost
from powerdown.host.admission.host_resources import HostResources

_GIB = 1024**3

_WORKER_MEMORY = 128 * 1024**2
"""Bytes for the worker's own process; 90 MiB were seen, pictures and all."""

_WORKER_CORES = 0.05
"""Cores that a worker's own process wants on average; it is busy between guests."""

_BUSY = 1.2
"""Part of the cores that guests may want on average. What they want varies: with just as much as
there is, a core would often be idle. When they want more, admission lets the next one wait."""


@dataclass(frozen=True)
class Workers:
    """How many workers, and why.

    :param count: at least 1.
    :param why: what follows from what, in one line.
    """

    count: int
    why: str

    def __str__(self) -> str:
        noun = "worker" if self.count == 1 else "workers"
        return f"{self.count} {noun}: {self.why}"


def memory_reserve(total: int) -> int:
    """Bytes that guests leave to the rest of the host: a twentieth, at least half a GiB.

    Never more than a quarter: a small host has little else to do.
    """
    return min(total // 4, max(_GIB // 2, total // 20))


def workers(
    host: HostResources, costs: Sequence[GuestCost], *, shared: int = 0, limit: int | None = None
) -> Workers:
    """How many guests of these images can live at once on this host.

    :param costs: of the images, each of which is met as often as the others.
    :param shared: bytes that will be taken once, whatever the number of guests, such as by
        templates that are still to be made.
    :param limit: no more than this, such as the number of scenarios.
    :raise HostError: the kernel does not tell what is free.
    """
    cores, free = host.cores(), host.free_memory()
    wanted = sum(cost.cores for cost in costs) / len(costs) if costs else 1.0
    memory = max((cost.memory for cost in costs), default=0)
    by_cores = cores * _BUSY / (wanted + _WORKER_CORES)
    # A guest that wants all of a core is no reason to leave the rest of it idle.
    by_cores = max(by_cores, cores / max(wanted, 1.0))
    room = free - shared - memory_reserve(host.total_memory())
    by_memory = room / (memory + _WORKER_MEMORY)
    count = max(1, int(min(by_cores, by_memory)))
    why = (
        f"{cores:g} {'core' if cores == 1 else 'cores'}, {_wants(wanted, costs)}; "
        f"{free / _GIB:.1f} GiB free, a guest costs {memory / _GIB:.2f} GiB"
    )
    if limit is not None and count > limit:
        return Workers(max(1, limit), f"{why}; not more than there is to do")
    return Workers(count, why)


def _wants(cores: float, costs: Sequence[GuestCost]) -> str:
    seen = sum(cost.seen for cost in costs)
    if all(cost.seen for cost in costs) and seen:
        return f"a guest wants {cores:.2f} of one on average ({seen} guests seen)"
    known = f", only {seen} seen yet" if seen else ", none seen yet"
    return f"a guest may want {cores:.2f}{known}"
