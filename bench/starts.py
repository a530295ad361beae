"""Benchmark 1: a clone until it is ready, compared with a cold boot and with the floor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.figures import Figures
from bench.row import Row
from bench.site import Say, Site, Started
from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.events import PROCESS_EXIT, HostEvent, named

MOST_FLOORS = 4.0
"""The most that a clone may take to be ready, in floors."""

MOST_COLD = 1 / 20
"""Likewise, in cold boots."""

_AHEAD_SECONDS = 1.0
"""Long enough for a restore; a scenario takes some seconds."""

_PARTS = {
    "up": "  of it: QEMU up",
    "restored": "  of it: state restored",
    "answered": "  of it: button armed, port answered",
}


def measure_starts(site: Site, figures: Figures, rounds: int, cold_rounds: int, say: Say) -> None:
    """Floor, clone and cold boot in turns, each round beginning with another of them."""
    ways: list[Callable[[], None]] = [
        lambda: figures.add("start/floor", site.floor(), "s"),
        lambda: measure_clone(site, figures, "start"),
        lambda: _measure_prepared(site, figures),
        lambda: _measure_cold(site, figures),
    ]
    for number in range(max(rounds, cold_rounds)):
        say(f"1, starts: round {number + 1} of {max(rounds, cold_rounds)}")
        wanted = [number < rounds] * 3 + [number < cold_rounds]
        for way in range(number, number + len(ways)):
            if wanted[way % len(ways)]:
                ways[way % len(ways)]()
    site.end_prepared()


def measure_clone(site: Site, figures: Figures, prefix: str) -> None:
    """One clone and the parts of its start."""
    with site.clone() as started:
        figures.add(f"{prefix}/clone", started.seconds, "s")
        for part, seconds in parts_of(started).items():
            figures.add(f"{prefix}/clone/{part}", seconds, "s")


def parts_of(started: Started) -> dict[str, float]:
    """The start of a clone in parts, divided by QEMU's events of the restore."""
    return divided(started.began_at, started.guest.machine.events.since(), started.ready_at)


def divided(began_at: float, events: Sequence[HostEvent], ready_at: float) -> dict[str, float]:
    """Seconds until the restore began, until it was complete, and until the guest was ready.

    :raise MachineError: the events of a restore are missing.
    """
    restore = [event for event in events if event.name == "MIGRATION"]
    complete = [event for event in restore if event.data.get("status") == "completed"]
    if not complete:
        raise MachineError("divide the start of a clone", f"saw {[*map(str, events)]}", "")
    return {
        "up": restore[0].at - began_at,
        "restored": complete[0].at - restore[0].at,
        "answered": ready_at - complete[0].at,
    }


def start_rows(figures: Figures) -> list[Row]:
    """What was measured."""

    def row(what: str, name: str, **compared: object) -> Row:
        return Row(1, what, figures.median(name), "s", figures.count(name), **compared)  # type: ignore[arg-type]

    clone = figures.median("start/clone")
    rows = [
        row("floor: QEMU exec to first QMP reply", "start/floor"),
        row(
            "clone ready",
            "start/clone",
            ratio=clone / figures.median("start/floor"),
            to="floor",
            limit=MOST_FLOORS,
        ),
        *(row(what, f"start/clone/{part}") for part, what in _PARTS.items()),
    ]
    if "start/prepared" in figures:
        rows.append(
            row(
                "clone ready, its QEMU prepared",
                "start/prepared",
                ratio=figures.median("start/prepared") / figures.median("start/floor"),
                to="floor",
                limit=MOST_FLOORS,
            )
        )
    if "start/cold" in figures:
        rows += [
            row("cold boot ready", "start/cold"),
            row(
                "clone ready",
                "start/clone",
                ratio=clone / figures.median("start/cold"),
                to="cold boot",
                limit=MOST_COLD,
            ),
        ]
    return rows


def _measure_prepared(site: Site, figures: Figures) -> None:
    """A clone as scenarios get theirs; that it was made ahead shows in its own events."""
    with site.clone_prepared() as started:
        machine = started.guest.machine
        restored = machine.events.first(named("MIGRATION"))
        if restored is not None and restored.at < started.began_at:
            figures.add("start/prepared", started.seconds, "s")
        # The next one is made meanwhile, as it is during a scenario, and not while others are
        # measured.
        machine.events.wait(named(PROCESS_EXIT), Deadline.after(_AHEAD_SECONDS))


def _measure_cold(site: Site, figures: Figures) -> None:
    with site.cold() as started:
        figures.add("start/cold", started.seconds, "s")
