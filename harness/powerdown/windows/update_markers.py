"""Marks that Windows leaves while update work waits for the next stop or start
(fact:update-markers)."""

from __future__ import annotations

from collections.abc import Iterable

from powerdown.windows.guest_lines import guest_lines
from powerdown.windows.registry_output import parse_registry

MARKERS = (
    "RebootPending",
    "RebootInProgress",
    "RebootRequired",
    "PendingFileRenameOperations",
    "SetupExecute",
    "pending.xml",
)
"""Names of the marks. A mark does not prove that this shutdown is slow."""


def update_work(markers: Iterable[str]) -> tuple[str, ...]:
    """Those of ``markers`` that show pending update work.

    PendingFileRenameOperations alone does not: any installer leaves it (learn: MoveFileEx).
    """
    return tuple(marker for marker in markers if marker != "PendingFileRenameOperations")


def parse_update_markers(text: str) -> tuple[str, ...]:
    """The marks named in the output of ``query_commands.UPDATE_MARKERS``, in the order above.

    SetupExecute is there on every Windows, without content; it counts only with one.
    """
    said = {line.strip() for line in guest_lines(text)}
    setup = parse_registry(text).value("SetupExecute")
    if setup is not None and setup.data.strip():
        said.add("SetupExecute")
    return tuple(marker for marker in MARKERS if marker in said)
