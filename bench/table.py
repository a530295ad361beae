"""Figures as text for people."""

from __future__ import annotations

from collections.abc import Sequence

from bench.row import Row

HEADINGS = ("", "what", "value", "unit", "n", "ratio", "to", "limit", "reached")
_RIGHT = {2, 4, 5, 7}
"""Columns of numbers."""


def row_table(rows: Sequence[Row]) -> str:
    """All rows, one a line."""
    return table(HEADINGS, [_cells(row) for row in rows], _RIGHT)


def table(headings: Sequence[str], lines: Sequence[Sequence[str]], right: set[int]) -> str:
    """Columns as wide as what is in them, those in ``right`` with their ends in line."""
    every = [headings, *lines]
    widths = [max(len(line[column]) for line in every) for column in range(len(headings))]

    def padded(line: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join(padded(line) for line in every)


def number(value: float) -> str:
    """Three digits that matter, and no power of ten.

    >>> [number(value) for value in (1234.5, 99.95, 7.046, 0.0214, 0.0)]
    ['1234', '100', '7.05', '0.021', '0.000']
    """
    if abs(value) >= 99.95:
        return f"{value:.0f}"
    if abs(value) >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.995 else f"{value:.3f}"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        str(row.benchmark),
        row.what,
        number(row.value),
        row.unit,
        str(row.samples),
        "" if row.ratio is None else number(row.ratio),
        row.to,
        "" if row.limit is None else number(row.limit),
        {None: "", True: "yes", False: "NO"}[row.reached],
    )
