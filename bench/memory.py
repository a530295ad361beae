"""Benchmark 4: memory of several clones, compared with guests that were booted separately."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

from bench.figures import Figures
from bench.proportional_memory import MIB, Memory, plain_sum, read_memory, with_file_once
from bench.row import Row
from bench.site import Say, Site, Started
from powerdown.host.admission.host_resources import HostResources

MOST_PERCENT = 20.0
"""The most that a second clone may take, as a percentage of a guest that was booted cold."""

COUNTS = (1, 2, 4, 8)
_RESERVE_BYTES = 1 << 30
"""Left to the host when guests are added."""

_BASELINE_REACTIONS = 6


def measure_memory(site: Site, figures: Figures, rounds: int, cold_rounds: int, say: Say) -> None:
    """One and two clones against one cold guest in turns; in the first round up to eight."""
    for number in range(max(rounds, cold_rounds)):
        say(f"4, memory: round {number + 1} of {max(rounds, cold_rounds)}")
        counts = COUNTS if number == 0 else COUNTS[:2]
        if number < rounds:
            measure_clones(site, figures, "memory", counts)
        if number < cold_rounds:
            _measure_cold(site, figures, "memory", counts if number == 0 else COUNTS[:1], say)


def measure_clones(site: Site, figures: Figures, prefix: str, counts: Sequence[int]) -> None:
    """Start clones, measure at each number in ``counts``, then read the last one's baseline."""
    file_bytes, on_tmpfs = site.template_memory()

    def total(processes: Sequence[Memory]) -> float:
        file_bytes, on_tmpfs = site.template_memory()
        return with_file_once(processes, file_bytes) if on_tmpfs else plain_sum(processes)

    figures.add(f"{prefix}/file", file_bytes / MIB if on_tmpfs else 0.0, "MiB")
    with ExitStack() as running:
        guests: list[Started] = []
        totals = {0: file_bytes / MIB if on_tmpfs else 0.0}
        for count in range(1, max(counts) + 1):
            guests.append(running.enter_context(site.clone()))
            processes = [read_memory(one.guest.machine.pid) for one in guests]
            totals[count] = total(processes)
            if count in counts:
                figures.add(f"{prefix}/clones/{count}", totals[count], "MiB")
                figures.add(f"{prefix}/clones-pss/{count}", plain_sum(processes), "MiB")
            if count == 2:
                figures.add(f"{prefix}/second-clone", totals[2] - totals[1], "MiB")
        windows = guests[-1].guest.windows
        if windows is not None and len(guests) == 2:
            windows.baseline(site.image.budgets.reaction * _BASELINE_REACTIONS)
            processes = [read_memory(one.guest.machine.pid) for one in guests]
            figures.add(f"{prefix}/second-clone-used", total(processes) - totals[1], "MiB")


def measure_cold(site: Site, figures: Figures, prefix: str) -> None:
    """One guest that was booted."""
    _measure_cold(site, figures, prefix, (1,), lambda _: None)


def memory_rows(figures: Figures) -> list[Row]:
    """What was measured."""
    rows = []
    for count in COUNTS:
        clones, cold = f"memory/clones/{count}", f"memory/cold/{count}"
        if clones not in figures:
            continue
        separate = figures.median(cold) if cold in figures else None
        value = figures.median(clones)
        ratio = None if separate is None else value / separate
        to = "" if separate is None else f"{count} booted ({separate:.0f} MiB)"
        what = f"{count} clone{'s' if count > 1 else ''}, template's memory once"
        rows.append(Row(4, what, value, "MiB", figures.count(clones), ratio=ratio, to=to))
    rows += [
        Row(
            4,
            f"  proportional set size of {count} together",
            figures.median(f"memory/clones-pss/{count}"),
            "MiB",
            figures.count(f"memory/clones-pss/{count}"),
        )
        for count in COUNTS
        if f"memory/clones-pss/{count}" in figures
    ]
    return [*rows, *second_clone_rows(figures)]


def second_clone_rows(figures: Figures) -> list[Row]:
    """What one more clone costs."""
    if "memory/cold/1" not in figures:
        return []
    cold = figures.median("memory/cold/1")
    labels = {
        "memory/second-clone": "second clone, when it is ready",
        "memory/second-clone-used": "second clone, after its baseline was read",
    }
    return [
        Row(
            4,
            what,
            percent(figures.median(name), cold),
            "%",
            figures.count(name),
            to=f"of a booted guest ({cold:.0f} MiB)",
            limit=MOST_PERCENT,
        )
        for name, what in labels.items()
        if name in figures
    ]


def percent(part: float, whole: float) -> float:
    """``part`` as a percentage of ``whole``."""
    return 100 * part / whole


def _measure_cold(
    site: Site, figures: Figures, prefix: str, counts: Sequence[int], say: Say
) -> None:
    """Boot guests and measure at each number in ``counts``, as long as there is room."""
    boot: Callable[[], AbstractContextManager[Started]] = site.cold
    with ExitStack() as running:
        guests: list[Started] = []
        for count in range(1, max(counts) + 1):
            if HostResources().free_memory() < (site.image.memory_mib << 20) + _RESERVE_BYTES:
                say(f"4, memory: no room for {count} guests booted separately")
                return
            guests.append(running.enter_context(boot()))
            if count in counts:
                processes = [read_memory(one.guest.machine.pid) for one in guests]
                figures.add(f"{prefix}/cold/{count}", plain_sum(processes), "MiB")
