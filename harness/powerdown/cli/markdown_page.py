"""What the generated pages of Markdown have in common."""

from __future__ import annotations

from collections.abc import Iterable

ABBREVIATED_PATHS = (
    (r"HKLM\SYSTEM\CurrentControlSet", "CCS"),
    (r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion", "WNT"),
    (r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion", "WCV"),
    (r"HKLM\SOFTWARE\Policies\Microsoft", "POL"),
)
"""Registry paths and what the pages write for them."""

PATHS = r"""Paths: `CCS` is `HKLM\SYSTEM\CurrentControlSet`, `WCV` is
`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion`, `WNT` is
`HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`, `POL` is `HKLM\SOFTWARE\Policies\Microsoft`."""
"""The paragraph that says so."""


def table_row(cells: Iterable[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
