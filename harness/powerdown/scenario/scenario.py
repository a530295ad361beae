"""One scenario under way: the vocabulary that suites are written in.

A scenario boots guests, ends them in some way and states what the diagnosis must be. Each such
step becomes a *stage* of the report.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

from powerdown.core.errors import PowerdownError
from powerdown.core.outcome import Expected
from powerdown.diagnosis.diagnose import diagnose_previous_stop, is_conclusive
from powerdown.diagnosis.verdict import Verdict
from powerdown.disk.post_mortem_reader import PostMortemReader
from powerdown.guest.guest import Guest
from powerdown.guest.guest_time import GuestTime
from powerdown.guest.probe_programs import ProbeProgram
from powerdown.host.host import Host
from powerdown.images.image import Image
from powerdown.images.overlay import create_overlay
from powerdown.machine.events import POWER_IS_OFF
from powerdown.machine.protocol import RunState
from powerdown.machine.run_directory import RunDirectory
from powerdown.machine.shutdown_mode import ShutdownMode
from powerdown.report.document import Scalar
from powerdown.report.scenario_record import StageRecord
from powerdown.scenario.conclusion import conclude
from powerdown.scenario.expectation import ExpectedVerdicts, assert_verdict, matched
from powerdown.scenario.injection import Injection
from powerdown.scenario.recorder import Recorder, SharedStages
from powerdown.shutdown.forced_shutdown import cut_power
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.shutdown_modes import shut_down_by
from powerdown.shutdown.soft_shutdown import command_inside, press_power_button

_AS_RESET_LEFT_IT = (RunState.PAUSED, RunState.PRELAUNCH)


class Scenario:
    """What a suite does with the guests of one image.

    Every method that ends in a verdict records a stage and raises :class:`UnexpectedVerdict`, an
    assertion, when the verdict is not the expected one.

    :param host: where guests run.
    :param image: what they boot.
    :param title: what it is called in pictures.
    :param artifacts: directory for pictures, transcripts and evidence.
    :param injection: when faults are injected into its guests.
    """

    def __init__(
        self,
        host: Host,
        image: Image,
        title: str,
        artifacts: Path,
        injection: Injection = Injection.ONLINE,
    ) -> None:
        self.image = image
        self.injection = injection
        self._host = host
        self._time = GuestTime()
        self._open = ExitStack()
        self._recorder = Recorder(title, artifacts)
        self._open.callback(self._recorder.close)
        self._disks = self._open.enter_context(RunDirectory("disks")).path
        self._reader: PostMortemReader | None = None

    @property
    def stages(self) -> tuple[StageRecord, ...]:
        """What was done and found so far."""
        return self._recorder.stages

    def boot(self, *, cold: bool = False) -> Guest:
        """A fresh guest that is ready: a clone of the image's template where that can be.

        :param cold: boot it, whatever the run or the image says.
        """
        if not cold:
            clone = self._host.clone(self.image, self._time)
            if clone is not None:
                self._open.callback(shutil.rmtree, clone.machine.overlay.parent, ignore_errors=True)
                self._open.callback(clone.close)
                self._recorder.note(clone, "clone")
                return clone
        guest = self.power_on()
        self.wait_until_ready(guest)
        return guest

    def power_on(self, prepare: Callable[[Path], None] | None = None) -> Guest:
        """A fresh guest that is switched on; nothing is waited for.

        :param prepare: changes its overlay, whose path it gets, before that.
        """
        directory = self._new_disk()
        overlay = create_overlay(self.image.disk, directory)
        if prepare is not None:
            prepare(overlay)
        return self._power_on(directory, overlay)

    def wait_until_ready(self, guest: Guest, name: str = "boot") -> None:
        """Wait until the guest can be pressed and asked; a stage of this name."""
        try:
            guest.wait_until_ready()
        except PowerdownError:
            # What the screen shows is the best hint at why a guest does not get ready.
            self._recorder.snapshot(guest, "not-ready")
            raise
        self._recorder.note(guest, name)

    def boot_again(self, guest: Guest) -> Guest:
        """Start the guest's disk again and wait until it is ready.

        A guest that still has power, crashed or not, loses it first. One that was reset and is
        paused since goes on.
        """
        machine = guest.machine
        on = machine.events.first(POWER_IS_OFF) is None
        if on and machine.run_state() in _AS_RESET_LEFT_IT:
            machine.resume()
            again = guest
        else:
            guest.close()
            again = self._power_on(self._new_disk(), machine.overlay)
        self.wait_until_ready(again)
        return again

    def probe_program(self, program: ProbeProgram) -> Path:
        """The executable of a probe program, compiled if need be."""
        return self._host.probe_program(program)

    def press(
        self,
        guest: Guest,
        name: str,
        expected: ExpectedVerdicts,
        *,
        second_press: bool = False,
        agentless: bool = False,
        degraded: bool = False,
    ) -> Verdict:
        """Press the power button and watch to the end.

        :param expected: the verdict that is right, or several, the likeliest first.
        :param agentless: watch from outside only, though there is a control channel.
        :param degraded: the inside cannot be observed as it should. Then, and when agentless, a
            verdict that is inconclusive or of low confidence passes as well: only one that is
            wrong and confident fails the test.
        """
        __tracebackhide__ = True
        windows = None if agentless else guest.windows
        self._post_mortem_reader()
        obs = press_power_button(
            guest.machine, windows, is_conclusive=is_conclusive, second_press=second_press
        )
        return self._conclude(guest, name, obs, expected, degraded=agentless or degraded)

    def shut_down_by(
        self, guest: Guest, mode: ShutdownMode, name: str, expected: ExpectedVerdicts
    ) -> Verdict:
        """Ask the guest to shut down in one of libvirt's modes and watch to the end."""
        __tracebackhide__ = True
        self._post_mortem_reader()
        obs = shut_down_by(guest.machine, guest.windows, mode, is_conclusive=is_conclusive)
        return self._conclude(guest, name, obs, expected)

    def command_inside(
        self, guest: Guest, command: str, name: str, expected: ExpectedVerdicts
    ) -> Verdict:
        """Run a shutdown command in the guest and watch to the end.

        :raise NotOnThisGuest: the image has no control channel.
        """
        __tracebackhide__ = True
        self._post_mortem_reader()
        windows = guest.expect_windows()
        obs = command_inside(guest.machine, windows, command, is_conclusive=is_conclusive)
        return self._conclude(guest, name, obs, expected)

    def cut_power(self, guest: Guest, way: Command, expected: Expected) -> Verdict:
        """Force the guest off; after a reset it stays paused until :meth:`boot_again`."""
        __tracebackhide__ = True
        self._post_mortem_reader()
        return self._conclude(guest, way.value, cut_power(guest.machine, way), expected)

    def diagnose_previous_stop(self, guest: Guest, expected: Expected) -> Verdict:
        """Diagnose from the guest's event log how its previous session ended.

        :raise NotOnThisGuest: the image has no control channel.
        """
        __tracebackhide__ = True
        verdict = diagnose_previous_stop(guest.expect_windows().events_around_last_start())
        self._recorder.previous_stop(guest, "next start", expected, verdict)
        assert_verdict(expected, verdict, "next start")
        return verdict

    def note(self, guest: Guest, name: str, facts: Mapping[str, Scalar]) -> None:
        """Record what was done or found between the attempts as a stage of its own."""
        self._recorder.note(guest, name, facts)

    def adopt(self, shared: SharedStages, facts: Mapping[str, Scalar]) -> None:
        """Take over what a shared fixture did, and add what this test found in it."""
        self._recorder.adopt(shared, facts)

    def close(self) -> None:
        """End every guest, remove its disk and wait until its files are written.

        :raise ReportFormatError: one of them could not be.
        """
        self._open.close()

    def _power_on(self, directory: Path, overlay: Path) -> Guest:
        return self._open.enter_context(self._host.boot(self.image, directory, overlay, self._time))

    def _new_disk(self) -> Path:
        return Path(mkdtemp(dir=self._disks))

    def _conclude(
        self,
        guest: Guest,
        name: str,
        obs: Observation,
        expected: ExpectedVerdicts,
        *,
        degraded: bool = False,
    ) -> Verdict:
        __tracebackhide__ = True
        conclusion = conclude(obs, guest, self._post_mortem_reader())
        verdict = conclusion.verdict
        right = matched(expected, verdict)
        self._recorder.attempt(guest, name, right, conclusion, degraded=degraded)
        assert_verdict(expected, verdict, name, or_in_doubt=degraded)
        return verdict

    def _post_mortem_reader(self) -> PostMortemReader:
        """What reads disks; begun before a guest ends, so that it is ready then."""
        if self._reader is None:
            self._reader = PostMortemReader()
            self._open.callback(self._reader.close)
        return self._reader
