"""Benchmark 5: time to a diagnosis, against waiting for a power-off until patience ends.

Who only waits, presses the button and looks whether the guest powers off within 60, 120 or 360
seconds. A guest that does costs him the time until then; one that does not costs him all of his
patience, and he knows that it did not, but not why. So over a set of attempts::

    ours    = sum of the seconds from the command to the verdict
    waiting = sum of min(seconds to power-off, patience); patience where there is no power-off

One kind of attempt this flatters a little: a guest that would have ended after our verdict and
within his patience, such as one with an update longer than the image's budget. It counts as his
whole patience, for nobody has seen when it would have ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.attempt import BenchAttempt
from bench.row import Row
from bench.table import number, table

PATIENCE = (60.0, 120.0, 360.0)


def waiting_rows(attempts: Sequence[BenchAttempt]) -> list[Row]:
    """Totals over all failures, and over the whole catalogue."""
    rows = []
    for what, chosen in (
        ("failures", [attempt for attempt in attempts if attempt.failed]),
        ("all attempts", list(attempts)),
    ):
        if not chosen:
            continue
        ours = sum(attempt.seconds for attempt in chosen)
        # A bound is said to be one.
        bound = "" if all(attempt.exact for attempt in chosen) else ", at most"
        rows.append(Row(5, f"{what} ({len(chosen)}), to verdict{bound}", ours, "s", len(chosen)))
        for patience in PATIENCE:
            waited = sum(attempt.waited(patience) for attempt in chosen)
            rows.append(
                Row(
                    5,
                    f"  waiting {patience:.0f} s for each",
                    waited,
                    "s",
                    len(chosen),
                    ratio=waited / ours,
                    to="to verdict",
                )
            )
    return rows


def attempt_table(attempts: Sequence[BenchAttempt]) -> str:
    """Every failure, with how many times longer waiting takes."""
    headings = ("scenario", "variant", "stage", "verdict", "s", *(f"{p:.0f} s" for p in PATIENCE))
    lines = [
        (
            attempt.scenario,
            attempt.variant,
            attempt.stage,
            f"{attempt.outcome} ({attempt.cause})",
            ("" if attempt.exact else "<= ") + number(attempt.seconds),
            *(f"x {number(attempt.waited(p) / max(attempt.seconds, 1e-3))}" for p in PATIENCE),
        )
        for attempt in attempts
        if attempt.failed
    ]
    return table(headings, lines, {4, 5, 6, 7})
