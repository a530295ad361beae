"""What a forced shutdown costs: each way to cut the power against each thing it destroys.

Each way is carried out once, with an unsaved document and an update under way in the guest; the
tests then look at one consequence each. The soft shutdown is the control: it costs nothing.
"""

from __future__ import annotations

import pytest

from powerdown import (
    Aftermath,
    Command,
    Image,
    OpenScenario,
    Outcome,
    Scenario,
    end_with_unfinished_work,
)

# Distributed by groups, each way is carried out by one worker, once. Otherwise it may be carried
# out by several workers, once by each.
WAYS = [
    pytest.param(way, id=way.value, marks=pytest.mark.xdist_group(way.value))
    for way in (Command.PRESS, Command.QUIT, Command.KILL, Command.RESET)
]


@pytest.fixture(scope="module", params=WAYS)
def aftermath(
    request: pytest.FixtureRequest,
    powerdown_image: Image,
    powerdown_open_scenario: OpenScenario,
) -> Aftermath:
    """End a guest in the middle of its work, and read what is left of it."""
    way: Command = request.param
    with powerdown_open_scenario(powerdown_image, f"forced-shutdown {way}") as scenario:
        return end_with_unfinished_work(scenario, way)


@pytest.mark.powerdown_scenario("forced-shutdown", variant="volume")
def test_volume(powerdown_scenario: Scenario, aftermath: Aftermath) -> None:
    """A forced stop leaves NTFS marked dirty; a soft one does not."""
    powerdown_scenario.adopt(aftermath.stages, {"ntfs dirty": aftermath.dirty})
    assert aftermath.dirty == aftermath.forced


@pytest.mark.powerdown_scenario("forced-shutdown", variant="document")
def test_document(powerdown_scenario: Scenario, aftermath: Aftermath) -> None:
    """A forced stop loses what was not saved; a soft one lets the program save it."""
    powerdown_scenario.adopt(aftermath.stages, {"document": aftermath.document})
    assert aftermath.document == ("lost" if aftermath.forced else "saved")


@pytest.mark.powerdown_scenario("forced-shutdown", variant="update")
def test_update(powerdown_scenario: Scenario, aftermath: Aftermath) -> None:
    """A forced stop leaves an update half installed; a soft one waits for it."""
    powerdown_scenario.adopt(aftermath.stages, {"update": str(aftermath.update)})
    assert aftermath.update.interrupted == aftermath.forced
    assert aftermath.update.finished != aftermath.forced


@pytest.mark.powerdown_scenario("forced-shutdown", variant="event-log")
def test_event_log(powerdown_scenario: Scenario, aftermath: Aftermath) -> None:
    """The next start records 41 and 6008 after a forced stop; 6006 and 13 follow a soft one."""
    outcome = aftermath.previous_stop.outcome
    powerdown_scenario.adopt(aftermath.stages, {"previous stop": str(outcome)})
    assert outcome is (Outcome.FORCED_OFF if aftermath.forced else Outcome.COMPLETED)
