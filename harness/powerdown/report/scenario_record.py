"""The record of one scenario of a gate run, which xdist carries as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from powerdown.core.outcome import Expected
from powerdown.core.text import clean
from powerdown.diagnosis.verdict import Verdict
from powerdown.machine.backend import Backend
from powerdown.report.json_object import JsonObject, ReportFormatError, Scalar
from powerdown.report.verdict_json import (
    Json,
    expected_to_json,
    read_expected,
    read_verdict,
    verdict_to_json,
)
from powerdown.shutdown.timeline import Step, Timeline


class Status(StrEnum):
    """The result of a test, in pytest's words."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


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

    def to_json(self) -> Json:
        """As written to ``gate.json``: plain dicts, lists and scalars, valid UTF-8 throughout."""
        return {
            "name": clean(self.name),
            "expected": None if self.expected is None else expected_to_json(self.expected),
            "diagnosed": _optional_verdict(self.diagnosed),
            "diagnosed_outside": _optional_verdict(self.diagnosed_outside),
            "phases": {str(step): self.phases.get(step) for step in Step},
            "harness_seconds": self.harness_seconds,
            "guest_seconds": self.guest_seconds,
            "facts": {
                clean(key): clean(value) if isinstance(value, str) else value
                for key, value in self.facts.items()
            },
            "commanded_at": self.commanded_at,
            "degraded": self.degraded,
            "verdict_at": self.verdict_at,
            "verdict_delay": self.verdict_delay,
        }

    @classmethod
    def read(cls, source: JsonObject) -> StageRecord:
        """Read what :meth:`to_json` gave.

        :raise ReportFormatError: it is anything else.
        """
        expected = source.optional_inner("expected")
        diagnosed = source.optional_inner("diagnosed")
        outside = source.optional_inner("diagnosed_outside")
        phases = source.inner("phases")
        read = cls(
            name=source.text("name"),
            expected=None if expected is None else read_expected(expected),
            diagnosed=None if diagnosed is None else read_verdict(diagnosed),
            phases={step: phases.optional_number(step) for step in Step},
            harness_seconds=source.number("harness_seconds"),
            guest_seconds=source.number("guest_seconds"),
            facts=source.inner("facts").scalars(),
            commanded_at=source.optional_number("commanded_at"),
            diagnosed_outside=None if outside is None else read_verdict(outside),
            degraded=source.boolean("degraded"),
            verdict_at=source.optional_number("verdict_at"),
            verdict_delay=source.optional_number("verdict_delay"),
        )
        phases.finish()
        source.finish()
        return read


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

    def to_json(self) -> Json:
        """As written to ``gate.json``: also what an xdist worker can send to its controller."""
        return {
            "image": clean(self.image),
            "scenario": clean(self.scenario),
            "variant": clean(self.variant),
            "test_id": clean(self.test_id),
            "status": str(self.status),
            "message": clean(self.message),
            "backend": str(self.backend),
            "stages": [stage.to_json() for stage in self.stages],
        }

    @classmethod
    def from_json(cls, value: object) -> ScenarioRecord:
        """Read what :meth:`to_json` gave.

        :raise ReportFormatError: it is anything else.
        """
        return cls.read(JsonObject(value, "scenario"))

    @classmethod
    def read(cls, source: JsonObject) -> ScenarioRecord:
        """Read what :meth:`to_json` gave.

        :raise ReportFormatError: it is anything else.
        """
        read = cls(
            image=source.text("image"),
            scenario=source.text("scenario"),
            variant=source.text("variant"),
            test_id=source.text("test_id"),
            status=source.choice("status", Status),
            message=source.text("message"),
            backend=source.choice("backend", Backend),
            stages=source.objects("stages", StageRecord.read),
        )
        source.finish()
        return read


def _optional_verdict(verdict: Verdict | None) -> Json | None:
    return None if verdict is None else verdict_to_json(verdict)
