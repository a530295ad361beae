"""What is left of a guest's work after it was ended in the midst of it."""

from __future__ import annotations

from dataclasses import dataclass

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.diagnosis.verdict import Verdict
from powerdown.disk.ntfs.volume_state import volume_state
from powerdown.guest.probe_programs import DOCUMENT, UPDATER
from powerdown.scenario.recorder import SharedStages
from powerdown.scenario.scenario import Scenario
from powerdown.shutdown import unfinished_work
from powerdown.shutdown.observation import Command
from powerdown.shutdown.unfinished_work import UNSAVED_TEXT, UpdateState

_FORCED = Expected(Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN)
_COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)
_WAITED = Expected(Outcome.SLOW_BUT_COMPLETED, Cause.UNRESPONSIVE_SERVICE)
"""The soft shutdown waits for the service that installs, which may take longer than its budget."""


@dataclass(frozen=True)
class Aftermath:
    """What was found after a guest with unfinished work was ended in one way.

    :param forced: whether its power was cut.
    :param dirty: whether NTFS was marked dirty on its disk, before the next start.
    :param document: what became of an unsaved document: ``saved``, ``lost``, or what its file
        holds instead.
    :param update: how far an update had come.
    :param previous_stop: diagnosis of the stop from the event log of the next start.
    :param stages: what was done, for :meth:`Scenario.adopt`.
    """

    forced: bool
    dirty: bool
    document: str
    update: UpdateState
    previous_stop: Verdict
    stages: SharedStages


def end_with_unfinished_work(scenario: Scenario, command: Command) -> Aftermath:
    """End a guest with an unsaved document and an update under way, and see what is left of both.

    :param command: presses its button, or cuts its power in one of the ways to do that.
    :raise NotOnThisGuest: the image has no control channel.
    :raise UnexpectedVerdict: a diagnosis is not the expected one.
    """
    __tracebackhide__ = True
    forced = command is not Command.PRESS
    guest = scenario.boot()
    programs = scenario.probe_program(DOCUMENT), scenario.probe_program(UPDATER)
    unfinished_work.begin(guest.expect_windows(), *programs)
    if forced:
        scenario.cut_power(guest, command, _FORCED)
    else:
        scenario.press(guest, "soft shutdown", (_COMPLETED, _WAITED))
    # On real Windows $LogFile replay often hides the mark from ``fsutil`` after the next start, and
    # a kill may leave it clear (fact:kill-leaves-clean): so it is read from the disk, before it.
    dirty = volume_state(guest.machine.overlay).dirty
    again = scenario.boot_again(guest)
    previous_stop = scenario.diagnose_previous_stop(again, _FORCED if forced else _COMPLETED)
    text = unfinished_work.document(again.expect_windows())
    return Aftermath(
        forced=forced,
        dirty=dirty,
        document="lost" if text is None else "saved" if text == UNSAVED_TEXT else text,
        update=unfinished_work.update(again.expect_windows()),
        previous_stop=previous_stop,
        stages=SharedStages(scenario.stages),
    )
