"""Groups of tests that share something costly stay together: xdist's ``--dist loadgroup``.

Until pytest 9.1 the workers of xdist append the name of a test's group to its id, and its scheduler
reads it there. From pytest 9.2 on an id cannot be changed like that, and xdist 3.8 distributes the
tests as if they had no group, without a word.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

from powerdown.pytest_plugin.worker_notes import WorkerNotes

_GROUP_MARKER = "xdist_group"
_DEFAULT_GROUP = "default"
"""Of a marker without a name, as in xdist."""


def groups_of(items: list[pytest.Item]) -> dict[str, str]:
    """The groups of tests by their ids; a test may have several markers, as in xdist."""
    groups = {}
    for item in items:
        names = {_name(marker) for marker in item.iter_markers(_GROUP_MARKER)}
        if names:
            groups[item.nodeid] = "_".join(sorted(names))
    return groups


class GroupScheduling(LoadGroupScheduling):  # type: ignore[misc]
    """Distributes tests by their groups, as the workers have noted them.

    :param config: of the controller.
    :param log: of xdist.
    :param notes: where the workers note the groups.
    """

    def __init__(self, config: pytest.Config, log: Any, notes: WorkerNotes) -> None:
        super().__init__(config, log)
        self._notes = notes
        self._groups: dict[str, str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        # First called when every worker has collected its tests.
        if self._groups is None:
            self._groups = self._notes.groups()
        return self._groups.get(nodeid) or str(super()._split_scope(nodeid))


def _name(marker: pytest.Mark) -> str:
    return str(marker.args[0] if marker.args else marker.kwargs.get("name", _DEFAULT_GROUP))
