"""Has every disk that a scenario leaves behind looked at, and compared with what was seen alive.

A plugin, for a run of the suites: ``ci/gate -p tests.standin.examined_scenarios``. After each
power-off, what ``powerdown inspect`` reads must be what the last baseline had read inside, and what
``powerdown history`` tells of the last session must be the outcome. A difference fails the
scenario; how many disks were looked at is told at the end.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.core.outcome import Outcome
from powerdown.diagnosis.diagnose import diagnose
from powerdown.disk.history.power_history import power_history
from powerdown.disk.history.session_end import EndKind
from powerdown.disk.inspection import inspect_disk
from powerdown.disk.post_mortem_reader import PostMortemReader
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.disk.settings.disk_settings import EVERY_SETTING
from powerdown.shutdown.observation import Observation
from tests.standin.alive_and_at_rest import shared_values

ENDS = {
    Outcome.COMPLETED: (EndKind.POWERED_OFF,),
    Outcome.SLOW_BUT_COMPLETED: (EndKind.POWERED_OFF,),
    Outcome.HIBERNATED: (EndKind.HIBERNATED, EndKind.FAST_STARTUP),
    # What was cut off is recorded by the next start.
    Outcome.FORCED_OFF: (EndKind.LOG_ENDS,),
}
"""What the log may tell after each outcome; others may leave it anyhow."""

_SECONDS = 60.0


def pytest_configure(config: pytest.Config) -> None:
    """Have every post-mortem looked at twice."""
    config.pluginmanager.register(Examiner(), "examined-scenarios")


class Examiner:
    """Looks at disks beside the harness."""

    def __init__(self) -> None:
        self.settings = self.histories = self.unreadable = 0

    @pytest.fixture(autouse=True)
    def _examined(self, monkeypatch: pytest.MonkeyPatch) -> None:
        examine = PostMortemReader.examine

        def twice(reader, seen, machine):
            found = examine(reader, seen, machine)
            if found.exit is not None:
                self.sample(found, machine.overlay)
            return found

        monkeypatch.setattr(PostMortemReader, "examine", twice)

    def sample(self, seen: Observation, overlay) -> None:
        request = replace(EVERY_SETTING, system_log=True)
        with closing(DiskReader()) as reader:
            try:
                contents = reader.read_disk(overlay, None, request, Deadline.after(_SECONDS))
            except DiskError:
                # The faults that destroy a disk.
                self.unreadable += 1
                assert seen.post_mortem.records is None
                return
        outcome = diagnose(seen).outcome
        if seen.baseline is not None:
            alive, settings = shared_values(seen.baseline), inspect_disk(contents).settings
            assert {id: settings[id].value for id in alive} == alive
            self.settings += 1
        if outcome in ENDS and contents.log is not None:
            last = power_history(contents.log).sessions[-1]
            assert last.end.kind in ENDS[outcome], (outcome, last.end)
            self.histories += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Workers tell their controller."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["examined"] = [self.settings, self.histories, self.unreadable]

    def pytest_testnodedown(self, node, error) -> None:
        """Count what a worker has looked at."""
        told = getattr(node, "workeroutput", {}).get("examined", [0, 0, 0])
        self.settings += told[0]
        self.histories += told[1]
        self.unreadable += told[2]

    def pytest_terminal_summary(self, terminalreporter) -> None:
        """Tell how many."""
        terminalreporter.write_line(
            f"disks looked at after power-off: settings {self.settings}, "
            f"histories {self.histories}, unreadable {self.unreadable}"
        )
