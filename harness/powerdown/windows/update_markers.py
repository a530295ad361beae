"""Marks that Windows leaves while update work waits for the next stop or start
(fact:update-markers)."""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.windows.guest_lines import guest_lines
from powerdown.windows.registry_output import parse_registry
from powerdown.windows.settings import update_settings

MARKERS = tuple(mark.name for mark in update_settings.MARKS)
"""Names of the marks. A mark does not prove that this shutdown is slow."""


def update_work(markers: Iterable[str]) -> tuple[str, ...]:
    """Those of ``markers`` that show pending update work.

    Pending renames of files alone do not: any installer leaves them (learn: MoveFileEx).
    """
    return tuple(marker for marker in markers if marker != update_settings.PENDING_RENAMES.name)


def parse_update_markers(text: str) -> tuple[str, ...]:
    """The marks named in the output of :data:`update_settings.MARK_QUERY`, in the order above.

    A value that is there on every Windows, without content, counts only with one.
    """
    said = {line.strip() for line in guest_lines(text)}
    setup = parse_registry(text).value(update_settings.SETUP_EXECUTE.name)
    if setup is not None and setup.data.strip():
        said.add(update_settings.SETUP_EXECUTE.name)
    return tuple(marker for marker in MARKERS if marker in said)
