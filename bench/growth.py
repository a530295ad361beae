"""Benchmark 6: how the figures grow with the guest's memory and with the number of scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from bench.figures import Figures
from bench.memory import measure_clones, percent
from bench.proportional_memory import plain_sum, read_memory
from bench.row import Row
from bench.site import Say, open_site, with_memory
from bench.starts import measure_clone
from bench.verdicts import measure_verdict
from powerdown.host.host import Host
from powerdown.images.image import Image

MOST_GROWTH = 1.2
"""The most that a clone with the largest memory may take, in clones with the smallest."""

PARTS = 4
"""The number of parts into which the catalogue is divided."""


def measure_growth(
    host: Host,
    image: Image,
    sizes: Sequence[int],
    figures: Figures,
    rounds: int,
    cold_rounds: int,
    say: Say,
) -> None:
    """Floor, clone, verdict and memory with each size of memory in turns.

    :param sizes: in MiB, smallest first.
    """
    with ExitStack() as open_sites:
        sites = []
        for size in sizes:
            sized = with_memory(image, size)
            keep = sized.name == image.name
            sites.append(open_sites.enter_context(open_site(host, sized, keep_templates=keep)))
        for number in range(rounds):
            say(f"6, growth: round {number + 1} of {rounds}")
            # Each size begins once, then the next.
            turn = number % len(sites)
            for site in sites[turn:] + sites[:turn]:
                prefix = f"growth/{site.image.memory_mib}"
                figures.add(f"{prefix}/floor", site.floor(), "s")
                measure_clone(site, figures, prefix)
                measure_verdict(site, figures, prefix)
                measure_clones(site, figures, prefix, (1, 2))
                if number < cold_rounds:
                    with site.cold() as started:
                        figures.add(f"{prefix}/cold", started.seconds, "s")
                        processes = [read_memory(started.guest.machine.pid)]
                        figures.add(f"{prefix}/cold/1", plain_sum(processes), "MiB")


def memory_growth_rows(figures: Figures, sizes: Sequence[int]) -> list[Row]:
    """The figures of each size, compared with the smallest."""
    rows = []
    for what, name, unit in (
        ("floor", "floor", "s"),
        ("clone ready", "clone", "s"),
        ("cold boot ready", "cold", "s"),
        ("SHUTDOWN event to verdict", "delay", "ms"),
        ("second clone", "second-clone", "MiB"),
        ("booted guest", "cold/1", "MiB"),
    ):
        for size in sizes:
            full = f"growth/{size}/{name}"
            if full not in figures:
                continue
            value = figures.median(full)
            first = size == sizes[0]
            rows.append(
                Row(
                    6,
                    f"{size} MiB: {what}",
                    value,
                    unit,
                    figures.count(full),
                    ratio=None if first else value / figures.median(f"growth/{sizes[0]}/{name}"),
                    to="" if first else f"{sizes[0]} MiB",
                    limit=MOST_GROWTH
                    if name == "clone" and size == sizes[-1] != sizes[0]
                    else None,
                )
            )
    for size in sizes:
        second, cold = f"growth/{size}/second-clone", f"growth/{size}/cold/1"
        if second in figures and cold in figures:
            value = percent(figures.median(second), figures.median(cold))
            to = "of a booted guest"
            what = f"{size} MiB: second clone"
            rows.append(Row(6, what, value, "%", figures.count(second), to=to))
    return rows


def scenario_growth_rows(tests: Sequence[float], wall: float) -> list[Row]:
    """How the time of one worker grows with the number of scenarios.

    :param tests: seconds of each, in the order in which they ran.
    :param wall: seconds of the whole run.
    """
    if not tests:
        return []
    rows = [Row(6, "start and end of a run, without tests", wall - sum(tests), "s", 1)]
    counts = sorted({round(len(tests) * part / PARTS) for part in range(1, PARTS + 1)} - {0})
    for count in counts:
        seconds = sum(tests[:count])
        rows.append(
            Row(
                6,
                f"the first {count} tests, one worker",
                seconds,
                "s",
                count,
                ratio=(seconds / count) / (sum(tests) / len(tests)),
                to="a test's average",
            )
        )
    return rows
