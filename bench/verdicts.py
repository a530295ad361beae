"""Benchmark 2: how long after the guest's power-off the verdict is there."""

from __future__ import annotations

from bench.figures import Figures
from bench.row import Row
from bench.site import Say, Site
from powerdown.core.deadline import now
from powerdown.core.errors import MachineError
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.shutdown.soft_shutdown import press_power_button

MOST_MILLISECONDS = 20.0
"""From QEMU's ``SHUTDOWN`` event to the verdict."""


def measure_verdicts(site: Site, figures: Figures, rounds: int, say: Say) -> None:
    """Press on clones, one after the other."""
    for number in range(rounds):
        say(f"2, verdicts: round {number + 1} of {rounds}")
        measure_verdict(site, figures, "verdict")


def measure_verdict(site: Site, figures: Figures, prefix: str) -> None:
    """One press on a clone of its own.

    :raise MachineError: the guest did not power off.
    """
    with site.clone() as started:
        guest = started.guest
        asked_at = now()
        obs = press_power_button(guest.machine, guest.windows, is_conclusive=is_conclusive)
        verdict = diagnose(obs)
        judged_at = now()
        off = obs.event("SHUTDOWN")
    if off is None:
        raise MachineError(
            f"see {site.image.name} power off",
            str(verdict),
            "Measure an image that powers off on a press.",
        )
    figures.add(f"{prefix}/baseline", obs.commanded_at - asked_at, "s")
    figures.add(f"{prefix}/press-to-shutdown", off.at - obs.commanded_at, "s")
    figures.add(f"{prefix}/press-to-verdict", judged_at - obs.commanded_at, "s")
    figures.add(f"{prefix}/delay", (judged_at - off.at) * 1000, "ms")


def verdict_rows(figures: Figures) -> list[Row]:
    """What was measured."""
    delays = figures.values("verdict/delay")
    return [
        _row(figures, "press to SHUTDOWN event", "verdict/press-to-shutdown"),
        _row(figures, "press to verdict", "verdict/press-to-verdict"),
        Row(
            2,
            "SHUTDOWN event to verdict",
            figures.median("verdict/delay"),
            "ms",
            len(delays),
            limit=MOST_MILLISECONDS,
        ),
        Row(2, "  the longest of them", max(delays), "ms", len(delays), limit=MOST_MILLISECONDS),
        _row(figures, "baseline before the press", "verdict/baseline"),
    ]


def _row(figures: Figures, what: str, name: str) -> Row:
    return Row(2, what, figures.median(name), "s", figures.count(name))
