"""What a scenario leaves behind: its stages, and the files of each in its artifact directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from powerdown.core.deadline import now
from powerdown.core.errors import PowerdownError
from powerdown.core.files import slug
from powerdown.core.outcome import Expected
from powerdown.diagnosis.verdict import Verdict
from powerdown.guest.guest import Guest
from powerdown.report.allure_report import report_stage
from powerdown.report.background_writer import BackgroundWriter
from powerdown.report.document import Scalar
from powerdown.report.scenario_record import StageRecord, phase_seconds
from powerdown.report.timeline_picture import draw
from powerdown.report.verdict_json import verdict_to_json
from powerdown.scenario.conclusion import Conclusion
from powerdown.shutdown.phases import timeline_of


class SharedStages:
    """Stages of a fixture that several tests share; their time is counted for the first of them."""

    def __init__(self, stages: tuple[StageRecord, ...]) -> None:
        self._stages = stages

    def take(self) -> tuple[StageRecord, ...]:
        """The stages, with durations at the first call only."""
        stages = self._stages
        self._stages = tuple(replace(s, guest_seconds=0.0, harness_seconds=0.0) for s in stages)
        return stages


class Recorder:
    """Records the stages of one scenario and writes their files in the background.

    :param title: what the scenario is called in pictures.
    :param artifacts: directory for pictures, transcripts and evidence; made when needed.
    """

    def __init__(self, title: str, artifacts: Path) -> None:
        self._title = title
        self._artifacts = artifacts
        self._stages: list[StageRecord] = []
        self._stage_began = now()
        self._writer = BackgroundWriter()

    @property
    def stages(self) -> tuple[StageRecord, ...]:
        """What was done and found so far."""
        return tuple(self._stages)

    def note(self, guest: Guest, name: str, facts: Mapping[str, Scalar] | None = None) -> None:
        """Record what was done or found between the attempts as a stage of its own."""
        self._add(guest, StageRecord(name, None, None, facts=facts or {}))

    def previous_stop(self, guest: Guest, name: str, expected: Expected, verdict: Verdict) -> None:
        """Record what the guest's event log told of its previous session."""
        self._add(guest, StageRecord(name, expected, verdict))

    def attempt(
        self, guest: Guest, name: str, expected: Expected, conclusion: Conclusion, *, degraded: bool
    ) -> None:
        """Record an attempt, and have its timeline, evidence, screen and transcripts written.

        :param expected: the verdict that is right.
        :param degraded: the inside could not be observed as it should.
        """
        obs, verdict = conclusion.obs, conclusion.verdict
        timeline = timeline_of(obs)
        stem = self._stem(name)
        picture, evidence = stem.with_suffix(".png"), stem.with_suffix(".json")
        text = json.dumps(verdict_to_json(verdict), indent=2) + "\n"
        title = f"{self._title}: {name}"
        self._writer.submit(lambda: draw(timeline, verdict, title, picture))
        self._writer.submit(lambda: evidence.write_text(text))
        files = [(picture, "timeline"), (evidence, "evidence"), *self._snapshot(guest, stem)]
        self._writer.submit(report_stage(name, timeline, verdict, promised=files))
        self._add(
            guest,
            StageRecord(
                name,
                expected,
                verdict,
                phases=phase_seconds(timeline),
                commanded_at=obs.commanded_at,
                diagnosed_outside=conclusion.from_outside,
                degraded=degraded,
                verdict_at=conclusion.verdict_at,
                verdict_delay=conclusion.verdict_delay,
            ),
        )

    def snapshot(self, guest: Guest, name: str) -> None:
        """Keep the screen and the transcripts as they are now."""
        self._snapshot(guest, self._stem(name))

    def adopt(self, shared: SharedStages, facts: Mapping[str, Scalar]) -> None:
        """Take over what a shared fixture did, and add what this test found in it."""
        self._stages += shared.take()
        self._stages.append(StageRecord("aftermath", None, None, facts=facts))

    def close(self) -> None:
        """Wait until every file is written; may be called twice.

        :raise ReportFormatError: one could not be.
        """
        self._writer.close()

    def _stem(self, name: str) -> Path:
        """Where files of a stage go; their suffixes follow."""
        self._artifacts.mkdir(parents=True, exist_ok=True)
        return self._artifacts / f"{len(self._stages):02}-{slug(name)}"

    def _snapshot(self, guest: Guest, stem: Path) -> list[tuple[Path, str]]:
        """Have the screen and the transcripts kept as they are now; the files there will be."""
        return self._screen(guest, stem) + self._transcripts(guest, stem)

    def _screen(self, guest: Guest, stem: Path) -> list[tuple[Path, str]]:
        """A screenshot, where there is still a screen."""
        if guest.machine.events.exit is not None:
            return []
        with suppress(PowerdownError):
            picture, file = guest.machine.sample_screen().picture, stem.with_suffix(".screen.png")
            if picture is not None:
                self._writer.submit(lambda: picture.save(file, compress_level=1))
                return [(file, "screen")]
        return []

    def _transcripts(self, guest: Guest, stem: Path) -> list[tuple[Path, str]]:
        copies = []
        for transcript in guest.machine.transcripts():
            if transcript.is_file():
                copy = stem.with_suffix(f".{transcript.name}")
                # Read now: its directory goes with the guest. Their size is limited.
                self._writer.submit(partial(copy.write_bytes, transcript.read_bytes()))
                copies.append((copy, transcript.name))
        return copies

    def _add(self, guest: Guest, stage: StageRecord) -> None:
        """Add a stage, with all time since the last one split into guest and harness."""
        ended = now()
        guest_seconds, queued = guest.time.take(), guest.time.take_queued()
        harness_seconds = max(0.0, ended - self._stage_began - guest_seconds - queued)
        self._stages.append(
            replace(stage, guest_seconds=guest_seconds, harness_seconds=harness_seconds)
        )
        self._stage_began = ended
