"""Benchmark 5: time to a diagnosis, compared with waiting for a power-off until a timeout.

The tool that it is compared with presses the button and waits 60, 120 or 360 seconds for the
power-off. A guest that powers off takes it the time until then; one that does not, the whole
timeout, and the cause stays unknown. So over a set of attempts::

    ours    = sum of the seconds from the command to the verdict
    waiting = sum of min(seconds to power-off, timeout); timeout if there is no power-off

This flatters us in one case: a guest that would have powered off after our verdict and within the
timeout, such as one with an update longer than the image's budget. It counts as the whole timeout,
because nobody observed when it would have ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.attempt import BenchAttempt
from bench.row import Row
from bench.table import number, table

TIMEOUTS = (60.0, 120.0, 360.0)


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
        # Bounds are marked.
        bound = "" if all(attempt.exact for attempt in chosen) else ", at most"
        rows.append(Row(5, f"{what} ({len(chosen)}), to verdict{bound}", ours, "s", len(chosen)))
        for timeout in TIMEOUTS:
            waited = sum(attempt.waited(timeout) for attempt in chosen)
            rows.append(
                Row(
                    5,
                    f"  waiting {timeout:.0f} s for each",
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
    headings = ("scenario", "variant", "stage", "verdict", "s", *(f"{p:.0f} s" for p in TIMEOUTS))
    lines = [
        (
            attempt.scenario,
            attempt.variant,
            attempt.stage,
            f"{attempt.outcome} ({attempt.cause})",
            ("" if attempt.exact else "<= ") + number(attempt.seconds),
            *(f"x {number(attempt.waited(p) / max(attempt.seconds, 1e-3))}" for p in TIMEOUTS),
        )
        for attempt in attempts
        if attempt.failed
    ]
    return table(headings, lines, {4, 5, 6, 7})
