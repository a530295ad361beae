"""One scenario under way: the vocabulary that suites are written in.

A scenario boots guests, ends them in some way and states what the diagnosis must be. Each such
step becomes a *stage* of the report, with its timeline, verdict, screenshot and transcripts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import pytest

from powerdown.core.deadline import now
from powerdown.core.errors import PowerdownError
from powerdown.core.files import slug
from powerdown.core.outcome import Expected
from powerdown.diagnosis.diagnose import diagnose, diagnose_previous_stop, is_conclusive
from powerdown.diagnosis.verdict import Verdict
from powerdown.disk.post_mortem_reader import PostMortemReader
from powerdown.guest.guest import Guest
from powerdown.guest.probe_programs import ProbeProgram
from powerdown.guest.windows import Windows
from powerdown.host.guest_time import GuestTime
from powerdown.host.host import Host
from powerdown.images.image import Image
from powerdown.images.overlay import create_overlay
from powerdown.machine.events import POWER_IS_OFF
from powerdown.machine.protocol import RunState
from powerdown.machine.run_directory import RunDirectory
from powerdown.machine.shutdown_mode import ShutdownMode
from powerdown.report.allure_report import report_stage
from powerdown.report.background_writer import BackgroundWriter
from powerdown.report.json_object import Scalar
from powerdown.report.scenario_record import StageRecord, phase_seconds
from powerdown.report.timeline_picture import draw
from powerdown.report.verdict_json import verdict_to_json
from powerdown.scenario.expectation import ExpectedVerdicts, assert_verdict, matched
from powerdown.scenario.injection import Injection
from powerdown.shutdown.forced_shutdown import cut_power
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.phases import timeline_of
from powerdown.shutdown.qemu_end import with_qemu_end
from powerdown.shutdown.shutdown_modes import shut_down_by
from powerdown.shutdown.soft_shutdown import command_inside, press_power_button

_AS_RESET_LEFT_IT = (RunState.PAUSED, RunState.PRELAUNCH)


class Scenario:
    """What a suite does with the guests of one image.

    Every method that ends in a verdict records a stage and fails the test, as an assertion, when
    the verdict is not the expected one.

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
        self._laboratory = host
        self._title = title
        self._artifacts = artifacts
        self._stages: list[StageRecord] = []
        self._stage_began = now()
        self._time = GuestTime()
        self._open = ExitStack()
        self._clerk = BackgroundWriter()
        self._open.callback(self._clerk.finish)
        self._disks = self._open.enter_context(RunDirectory("disks")).path
        self._disk_reader: PostMortemReader | None = None

    @property
    def stages(self) -> tuple[StageRecord, ...]:
        """What was done and found so far."""
        return tuple(self._stages)

    def boot(
        self,
        *,
        wait: bool = True,
        prepare: Callable[[Path], None] | None = None,
        cold: bool = False,
    ) -> Guest:
        """A fresh guest that is ready: a clone of the image's template where that can be.

        :param wait: if not, it is switched on and nothing is waited for.
        :param prepare: changes its overlay before power-on.
        :param cold: boot it, whatever the run or the image says.
        """
        if wait and prepare is None and not cold:
            clone = self._laboratory.clone(self.image, self._time)
            if clone is not None:
                self._open.callback(shutil.rmtree, clone.machine.overlay.parent, ignore_errors=True)
                self._open.callback(clone.close)
                self._record(clone, StageRecord("clone", None, None))
                return clone
        directory = self._new_disk()
        overlay = create_overlay(self.image.disk, directory)
        if prepare is not None:
            prepare(overlay)
        booting = self._laboratory.boot(self.image, directory, overlay, self._time)
        guest = self._open.enter_context(booting)
        if wait:
            self.wait_until_ready(guest)
        return guest

    def wait_until_ready(self, guest: Guest, name: str = "boot") -> None:
        """Wait until the guest can be pressed and asked; a stage of this name."""
        try:
            guest.wait_until_ready()
        except PowerdownError:
            # What the screen shows is the best hint at why a guest does not get ready.
            self._save(guest, self._stem("not-ready"))
            raise
        self._record(guest, StageRecord(name, None, None))

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
            overlay = guest.machine.overlay
            booting = self._laboratory.boot(self.image, self._new_disk(), overlay, self._time)
            again = self._open.enter_context(booting)
        self.wait_until_ready(again)
        return again

    def inside(self, guest: Guest) -> Windows:
        """The inside of the guest; without a control channel the test is skipped, saying so."""
        if guest.windows is None:
            pytest.skip(f"needs a control channel; image {self.image.name} defines none")
        return guest.windows

    def probe_program(self, program: ProbeProgram) -> Path:
        """The executable of a probe program."""
        return self._laboratory.probe_program(program)

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
        :param degraded: the inside cannot be seen as it should. Then, and when agentless, a verdict
            that is inconclusive or of low confidence passes as well: only one that is wrong and
            confident fails the test.
        """
        __tracebackhide__ = True
        windows = None if agentless else guest.windows
        self._post_mortem()
        obs = press_power_button(
            guest.machine, windows, is_conclusive=is_conclusive, second_press=second_press
        )
        return self._conclude(guest, name, obs, expected, degraded=agentless or degraded)

    def shut_down_by(
        self, guest: Guest, mode: ShutdownMode, name: str, expected: ExpectedVerdicts
    ) -> Verdict:
        """Ask the guest to shut down in one of libvirt's modes and watch to the end."""
        __tracebackhide__ = True
        self._post_mortem()
        obs = shut_down_by(guest.machine, guest.windows, mode, is_conclusive=is_conclusive)
        return self._conclude(guest, name, obs, expected)

    def command_inside(
        self, guest: Guest, command: str, name: str, expected: ExpectedVerdicts
    ) -> Verdict:
        """Run a shutdown command in the guest and watch to the end."""
        __tracebackhide__ = True
        self._post_mortem()
        obs = command_inside(
            guest.machine, self.inside(guest), command, is_conclusive=is_conclusive
        )
        return self._conclude(guest, name, obs, expected)

    def cut_power(self, guest: Guest, way: Command, expected: Expected) -> Verdict:
        """Force the guest off; after a reset it stays paused until :meth:`boot_again`."""
        __tracebackhide__ = True
        self._post_mortem()
        return self._conclude(guest, way.value, cut_power(guest.machine, way), expected)

    def diagnose_previous_stop(self, guest: Guest, expected: Expected) -> Verdict:
        """Have the guest's event log say how its previous session ended."""
        __tracebackhide__ = True
        records = self.inside(guest).events_around_last_start()
        verdict = diagnose_previous_stop(records)
        self._record(guest, StageRecord("next start", expected, verdict))
        assert_verdict(expected, verdict, "next start")
        return verdict

    def note(self, guest: Guest, name: str, facts: Mapping[str, Scalar]) -> None:
        """Record what was done or found between the attempts as a stage of its own."""
        self._record(guest, StageRecord(name, None, None, facts=facts))

    def adopt(self, shared: SharedStages, facts: Mapping[str, Scalar]) -> None:
        """Take over what a shared fixture did, and add what this test found in it."""
        self._stages += shared.take()
        self._stages.append(StageRecord("aftermath", None, None, facts=facts))

    def close(self) -> None:
        """End every guest, remove its disk and see that its pictures are drawn.

        :raise ReportFormatError: a picture could not be.
        """
        self._open.close()

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
        verdict, verdict_at = diagnose(obs), now()
        guest.time.add(obs.commanded_at, obs.ended_at)
        if obs.event("SHUTDOWN") is not None:
            with guest.time.counted():
                obs = with_qemu_end(obs, guest.machine)
        obs = self._post_mortem().examine(obs, guest.machine)
        if obs.exit is not None:
            # Seldom another verdict, but QEMU may have crashed at its end, and the disk knows more.
            verdict = diagnose(obs)
        timeline = timeline_of(obs)
        stage = StageRecord(
            name,
            matched(expected, verdict),
            verdict,
            phases=phase_seconds(timeline),
            commanded_at=obs.commanded_at,
            diagnosed_outside=diagnose(obs.from_outside()),
            degraded=degraded,
            verdict_at=verdict_at,
            verdict_delay=_seconds_since_power_off(obs, verdict_at),
        )
        stem = self._stem(name)
        picture, evidence = stem.with_suffix(".png"), stem.with_suffix(".json")
        told = json.dumps(verdict_to_json(verdict), indent=2) + "\n"
        title = f"{self._title}: {name}"
        self._clerk.do(lambda: draw(timeline, verdict, title, picture))
        self._clerk.do(lambda: evidence.write_text(told))
        files = [(picture, "timeline"), (evidence, "evidence"), *self._save(guest, stem)]
        self._clerk.do(report_stage(name, timeline, verdict, promised=files))
        self._record(guest, stage)
        assert_verdict(expected, verdict, name, or_in_doubt=degraded)
        return verdict

    def _post_mortem(self) -> PostMortemReader:
        """What reads disks; begun before a guest ends, so that it is ready then."""
        if self._disk_reader is None:
            self._disk_reader = self._open.enter_context(closing(PostMortemReader()))
        return self._disk_reader

    def _stem(self, name: str) -> Path:
        """Where files of a stage go; their endings follow."""
        self._artifacts.mkdir(parents=True, exist_ok=True)
        return self._artifacts / f"{len(self._stages):02}-{slug(name)}"

    def _save(self, guest: Guest, stem: Path) -> list[tuple[Path, str]]:
        """Have the screen and the transcripts kept as they are now; the files there will be."""
        return self._screen(guest, stem) + self._transcripts(guest, stem)

    def _screen(self, guest: Guest, stem: Path) -> list[tuple[Path, str]]:
        """A screenshot, where there is still a screen."""
        if guest.machine.events.exit is not None:
            return []
        with suppress(PowerdownError):
            picture, file = guest.machine.sample_screen().picture, stem.with_suffix(".screen.png")
            if picture is not None:
                self._clerk.do(lambda: picture.save(file, compress_level=1))
                return [(file, "screen")]
        return []

    def _transcripts(self, guest: Guest, stem: Path) -> list[tuple[Path, str]]:
        copies = []
        for transcript in guest.machine.transcripts():
            if transcript.is_file():
                copy = stem.with_suffix(f".{transcript.name}")
                # Read now: its directory goes with the guest. Their size is limited.
                self._clerk.do(partial(copy.write_bytes, transcript.read_bytes()))
                copies.append((copy, transcript.name))
        return copies

    def _record(self, guest: Guest, stage: StageRecord) -> None:
        """Add a stage, with all time since the last one split into guest and harness."""
        ended = now()
        guest_seconds, queued = guest.time.take(), guest.time.take_queued()
        harness_seconds = max(0.0, ended - self._stage_began - guest_seconds - queued)
        self._stages.append(
            replace(stage, guest_seconds=guest_seconds, harness_seconds=harness_seconds)
        )
        self._stage_began = ended


def _seconds_since_power_off(obs: Observation, at: float) -> float | None:
    """From QEMU's word that the guest powered itself off until ``at``; ``None`` if it did not."""
    off = obs.event("SHUTDOWN")
    return at - off.at if off is not None and off.data.get("guest") else None


class SharedStages:
    """Stages of a fixture that several tests share; their time is counted for the first of them."""

    def __init__(self, stages: tuple[StageRecord, ...]) -> None:
        self._stages = stages

    def take(self) -> tuple[StageRecord, ...]:
        """The stages, with durations at the first call only."""
        stages = self._stages
        self._stages = tuple(replace(s, guest_seconds=0.0, harness_seconds=0.0) for s in stages)
        return stages
