"""What a forced shutdown costs: each way to cut the power against each thing it destroys.

Each way is carried out once, with an unsaved document and an update under way in the guest; the
tests then look at one consequence each. The soft shutdown is the control: it costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Verdict
from powerdown.disk.ntfs.volume_state import volume_state
from powerdown.guest.probe_programs import DOCUMENT, UPDATER
from powerdown.host.host import Host
from powerdown.images.image import Image
from powerdown.pytest_plugin.plugin import OpenScenario
from powerdown.scenario.recorder import SharedStages
from powerdown.scenario.scenario import Scenario
from powerdown.shutdown import unfinished_work
from powerdown.shutdown.forced_shutdown import FORCED_COMMANDS
from powerdown.shutdown.observation import Command
from powerdown.shutdown.unfinished_work import UNSAVED_TEXT, UpdateState

FORCED = Expected(Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN)
COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)
WAITED = Expected(Outcome.SLOW_BUT_COMPLETED, Cause.UNRESPONSIVE_SERVICE)
"""The soft shutdown waits for the service that installs, which may take longer than its budget."""


@dataclass(frozen=True)
class Aftermath:
    """What was found after one way of ending the guest."""

    forced: bool
    dirty: bool
    document: str | None
    update: UpdateState
    previous_stop: Verdict
    stages: SharedStages


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(way, id=way.value, marks=pytest.mark.xdist_group(way.value))
        for way in (Command.PRESS, *FORCED_COMMANDS)
    ],
)
def aftermath(
    request: pytest.FixtureRequest,
    image: Image,
    host: Host,
    open_scenario: OpenScenario,
) -> Aftermath:
    """End a guest in the middle of its work, and read what is left of it."""
    way: Command = request.param
    forced = way is not Command.PRESS
    with open_scenario(image, f"forced-shutdown {way}") as scenario:
        guest = scenario.boot()
        inside = guest.expect_windows()
        programs = host.probe_program(DOCUMENT), host.probe_program(UPDATER)
        unfinished_work.begin(inside, *programs)
        if forced:
            scenario.cut_power(guest, way, FORCED)
        else:
            scenario.press(guest, "soft shutdown", (COMPLETED, WAITED))
        dirty = volume_state(guest.machine.overlay).dirty
        again = scenario.boot_again(guest)
        previous_stop = scenario.diagnose_previous_stop(again, FORCED if forced else COMPLETED)
        return Aftermath(
            forced=forced,
            dirty=dirty,
            document=unfinished_work.document(again.expect_windows()),
            update=unfinished_work.update(again.expect_windows()),
            previous_stop=previous_stop,
            stages=SharedStages(scenario.stages),
        )


@pytest.mark.scenario("forced-shutdown", variant="volume")
def test_volume(scenario: Scenario, aftermath: Aftermath) -> None:
    """A forced stop leaves NTFS marked dirty; a soft one does not.

    On real Windows $LogFile replay often hides the mark from ``fsutil`` after the next start, and a
    kill may leave it clear (fact:kill-leaves-clean, UNCONFIRMED): so it is read from the disk,
    before it.
    """
    scenario.adopt(aftermath.stages, {"ntfs dirty": aftermath.dirty})
    assert aftermath.dirty == aftermath.forced


@pytest.mark.scenario("forced-shutdown", variant="document")
def test_document(scenario: Scenario, aftermath: Aftermath) -> None:
    """A forced stop loses what was not saved; a soft one lets the program save it."""
    found = {None: "lost", UNSAVED_TEXT: "saved"}.get(aftermath.document, aftermath.document)
    scenario.adopt(aftermath.stages, {"document": found})
    assert aftermath.document == (None if aftermath.forced else UNSAVED_TEXT)


@pytest.mark.scenario("forced-shutdown", variant="update")
def test_update(scenario: Scenario, aftermath: Aftermath) -> None:
    """A forced stop leaves an update half installed; a soft one waits for it."""
    scenario.adopt(aftermath.stages, {"update": str(aftermath.update)})
    assert aftermath.update.interrupted == aftermath.forced
    assert aftermath.update.finished != aftermath.forced


@pytest.mark.scenario("forced-shutdown", variant="event-log")
def test_event_log(scenario: Scenario, aftermath: Aftermath) -> None:
    """The next start records 41 and 6008 after a forced stop; 6006 and 13 follow a soft one."""
    scenario.adopt(aftermath.stages, {"previous stop": str(aftermath.previous_stop.outcome)})
    expected = Outcome.FORCED_OFF if aftermath.forced else Outcome.COMPLETED
    assert aftermath.previous_stop.outcome is expected
