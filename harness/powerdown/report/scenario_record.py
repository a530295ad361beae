"""The record of one scenario of a gate run, which xdist carries as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import astuple

from powerdown.core.outcome import Expected
from powerdown.diagnosis.verdict import Verdict
from powerdown.machine.backend import Backend
from powerdown.report.document import Json, ReportFormatError, Scalar
from powerdown.report.scenario_json import PhasesJson, ScenarioJson, StageJson, Status
from powerdown.report.verdict_json import ExpectedJson, VerdictJson
from powerdown.shutdown.timeline import Step, Timeline

__all__ = ["ScenarioRecord", "StageRecord", "Status", "phase_seconds"]


def phase_seconds(timeline: Timeline) -> dict[Step, float | None]:
    """Seconds of every step, in order; ``None`` if it was not reached, or its end not observed."""
    taken = {phase.step: phase.duration for phase in timeline.phases}
    return {step: taken.get(step) for step in Step}


@dataclass(frozen=True)
class StageRecord:
    """One part of a scenario that has a verdict of its own, such as one press.

    :param name: what was done, a few words (``press``, ``press after remedy``, ``next boot``).
    :param expected: the verdict asserted; ``None`` if only facts are.
    :param diagnosed: the verdict reached; ``None`` without one.
    :param phases: seconds of each step, as :func:`phase_seconds` gives them.
    :param harness_seconds: time the harness spent on its own work, not waiting for the guest;
        pictures are drawn while the next guest runs and are not included.
    :param guest_seconds: time spent waiting for the guest.
    :param facts: measured consequences, such as ``{"ntfs dirty after": True}``.
    :param commanded_at: the moment of the command on the host-monotonic clock, which evidence
        times use too; ``None`` without a command.
    :param diagnosed_outside: the verdict on the same attempt as if there had been no control
        channel; ``None`` without an attempt.
    :param degraded: whether the control channel was impaired on purpose: then an "inconclusive"
        verdict is right as well.
    :param verdict_at: the moment of the verdict, likewise; ``None`` without one.
    :param verdict_delay: seconds from QEMU's ``SHUTDOWN`` event to the verdict; ``None`` if the
        guest did not power off by itself.
    :raise ReportFormatError: a number is not finite, which JSON cannot hold.
    """

    name: str
    expected: Expected | None
    diagnosed: Verdict | None
    phases: Mapping[Step, float | None] = field(default_factory=dict)
    harness_seconds: float = 0.0
    guest_seconds: float = 0.0
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    commanded_at: float | None = None
    diagnosed_outside: Verdict | None = None
    degraded: bool = False
    verdict_at: float | None = None
    verdict_delay: float | None = None

    def __post_init__(self) -> None:
        numbers: list[object] = [self.harness_seconds, self.guest_seconds, self.commanded_at]
        numbers += [
            self.verdict_at,
            self.verdict_delay,
            *self.phases.values(),
            *self.facts.values(),
        ]
        for verdict in (self.diagnosed, self.diagnosed_outside):
            if verdict is not None:
                numbers += [evidence.at for evidence in verdict.evidence]
        for number in numbers:
            if isinstance(number, float) and not math.isfinite(number):
                raise ReportFormatError(
                    f"record the stage {self.name!r}",
                    f"found the number {number}, which JSON cannot hold",
                    "Please report this bug.",
                )

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one asserted; true if none is."""
        if self.expected is None:
            return True
        found = self.diagnosed
        return found is not None and self.expected == Expected(found.outcome, found.cause)

    @property
    def document(self) -> StageJson:
        """As written to ``gate.json``."""
        verdicts = (self.diagnosed, self.diagnosed_outside)
        diagnosed, outside = (v and VerdictJson.of(v) for v in verdicts)
        return StageJson.from_attributes(
            self,
            expected=self.expected and ExpectedJson.from_attributes(self.expected),
            diagnosed=diagnosed,
            diagnosed_outside=outside,
            phases=PhasesJson(*(self.phases.get(step) for step in Step)),
            facts=dict(self.facts),
        )

    @classmethod
    def from_document(cls, read: StageJson) -> StageRecord:
        """The stage that was written."""
        return read.into(
            cls,
            expected=read.expected and read.expected.into(Expected),
            diagnosed=read.diagnosed and read.diagnosed.verdict(),
            diagnosed_outside=read.diagnosed_outside and read.diagnosed_outside.verdict(),
            phases=dict(zip(Step, astuple(read.phases), strict=True)),
        )


@dataclass(frozen=True)
class ScenarioRecord:
    """One test of the gate: a scenario in one variant on one image.

    :param image: the image's name.
    :param scenario: its id, such as ``power-button-ignored``.
    :param variant: which form of it.
    :param test_id: pytest's node id.
    :param status: the result of the test.
    :param stages: what was done and found, in order; empty when it did not start.
    :param message: why it was skipped, or what failed; empty when it passed.
    :param backend: the backend through which QEMU was controlled.
    """

    image: str
    scenario: str
    variant: str
    test_id: str
    status: Status
    stages: tuple[StageRecord, ...] = ()
    message: str = ""
    backend: Backend = Backend.QMP

    @property
    def harness_seconds(self) -> float:
        """Time the harness spent on its own work, over all stages."""
        return math.fsum(stage.harness_seconds for stage in self.stages)

    @property
    def guest_seconds(self) -> float:
        """Time spent waiting for the guest, over all stages."""
        return math.fsum(stage.guest_seconds for stage in self.stages)

    @property
    def document(self) -> ScenarioJson:
        """As written to ``gate.json``."""
        return ScenarioJson.from_attributes(
            self, stages=tuple(stage.document for stage in self.stages)
        )

    @classmethod
    def from_document(cls, read: ScenarioJson) -> ScenarioRecord:
        """The record that was written."""
        return read.into(cls, stages=tuple(map(StageRecord.from_document, read.stages)))

    def to_json(self) -> Json:
        """As written to ``gate.json``: also what an xdist worker can send to its controller."""
        return self.document.to_json()

    @classmethod
    def from_json(cls, value: object) -> ScenarioRecord:
        """Read what :meth:`to_json` gave.

        :raise ReportFormatError: it is anything else.
        """
        return cls.from_document(ScenarioJson.read(value, "a gate result", "scenario"))
