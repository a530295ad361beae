"""What a gate run found, as values and as the one machine-readable file ``gate.json``.

``gate.schema.json`` beside this module describes the file for other programs.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from harness.diagnosis.verdict import Cause, Confidence, Evidence, Outcome, Source, Verdict
from harness.report.json_object import JsonObject, ReportFormatError, Scalar
from harness.shutdown.timeline import Step, Timeline

SCHEMA_VERSION = 1
"""Version of the file's form; raised whenever a reader would have to change."""

Json = dict[str, object]


class Status(StrEnum):
    """What became of a test, by pytest's words."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


@dataclass(frozen=True)
class Expected:
    """The verdict a scenario asserts."""

    outcome: Outcome
    cause: Cause

    def to_json(self) -> Json:
        """As written to ``gate.json``."""
        return {"outcome": str(self.outcome), "cause": str(self.cause)}

    @classmethod
    def _read(cls, source: JsonObject) -> Expected:
        read = cls(source.choice("outcome", Outcome), source.choice("cause", Cause))
        source.finish()
        return read


def phase_seconds(timeline: Timeline) -> dict[Step, float | None]:
    """Seconds of every step, in order; ``None`` for those not reached or not seen to end."""
    taken = {phase.step: phase.duration for phase in timeline.phases}
    return {step: taken.get(step) for step in Step}


@dataclass(frozen=True)
class Stage:
    """One part of a scenario that has a verdict of its own, such as one press.

    :param name: what was done, a few words (``press``, ``press after remedy``, ``next boot``).
    :param expected: the verdict asserted; ``None`` where only facts are asserted.
    :param diagnosed: the verdict reached; ``None`` when it did not come to one.
    :param phases: seconds of each step, as :func:`phase_seconds` gives them.
    :param harness_seconds: time the harness spent on its own work.
    :param guest_seconds: time spent waiting for the guest.
    :param facts: measured consequences, such as ``{"ntfs dirty after": True}``.
    :param commanded_at: the moment of the command on the host-monotonic clock, which evidence
        times are on too; ``None`` when nothing was commanded.
    :raise ReportFormatError: a number is not finite and could not be written.
    """

    name: str
    expected: Expected | None
    diagnosed: Verdict | None
    phases: Mapping[Step, float | None] = field(default_factory=dict)
    harness_seconds: float = 0.0
    guest_seconds: float = 0.0
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    commanded_at: float | None = None

    def __post_init__(self) -> None:
        numbers: list[object] = [self.harness_seconds, self.guest_seconds, self.commanded_at]
        numbers += [*self.phases.values(), *self.facts.values()]
        if self.diagnosed is not None:
            numbers += [evidence.at for evidence in self.diagnosed.evidence]
        for number in numbers:
            if isinstance(number, float) and not math.isfinite(number):
                raise ReportFormatError(
                    f"record the stage {self.name!r}",
                    f"found the number {number}, which JSON cannot hold",
                    "This is a fault in Powerdown; please report it.",
                )

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one asserted; true where none is."""
        if self.expected is None:
            return True
        found = self.diagnosed
        return found is not None and self.expected == Expected(found.outcome, found.cause)

    def to_json(self) -> Json:
        """As written to ``gate.json``: plain dicts, lists and scalars, valid UTF-8 throughout."""
        return {
            "name": _clean(self.name),
            "expected": None if self.expected is None else self.expected.to_json(),
            "diagnosed": None if self.diagnosed is None else verdict_to_json(self.diagnosed),
            "phases": {str(step): self.phases.get(step) for step in Step},
            "harness_seconds": self.harness_seconds,
            "guest_seconds": self.guest_seconds,
            "facts": {
                _clean(key): _clean(value) if isinstance(value, str) else value
                for key, value in self.facts.items()
            },
            "commanded_at": self.commanded_at,
        }

    @classmethod
    def _read(cls, source: JsonObject) -> Stage:
        expected = source.optional_inner("expected")
        diagnosed = source.optional_inner("diagnosed")
        phases = source.inner("phases")
        read = cls(
            name=source.text("name"),
            expected=None if expected is None else Expected._read(expected),
            diagnosed=None if diagnosed is None else _read_verdict(diagnosed),
            phases={step: phases.optional_number(step) for step in Step},
            harness_seconds=source.number("harness_seconds"),
            guest_seconds=source.number("guest_seconds"),
            facts=source.inner("facts").scalars(),
            commanded_at=source.optional_number("commanded_at"),
        )
        phases.finish()
        source.finish()
        return read


@dataclass(frozen=True)
class ScenarioRecord:
    """One test of the gate: a scenario in one variant on one image.

    :param image: the image's name.
    :param scenario: its id, such as ``power-button-ignored``.
    :param mission: the mission's number of it, ``1`` to ``7`` or ``F``; empty when it has none.
    :param variant: which form of it.
    :param test_id: pytest's node id.
    :param status: what became of the test.
    :param stages: what was done and found, in order; empty when it did not start.
    :param message: why it was skipped, or what failed; empty when it passed.
    """

    image: str
    scenario: str
    mission: str
    variant: str
    test_id: str
    status: Status
    stages: tuple[Stage, ...] = ()
    message: str = ""

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
            "image": _clean(self.image),
            "scenario": _clean(self.scenario),
            "mission": _clean(self.mission),
            "variant": _clean(self.variant),
            "test_id": _clean(self.test_id),
            "status": str(self.status),
            "message": _clean(self.message),
            "stages": [stage.to_json() for stage in self.stages],
        }

    @classmethod
    def from_json(cls, value: object) -> ScenarioRecord:
        """Read what :meth:`to_json` gave.

        :raise ReportFormatError: it is anything else.
        """
        return cls._read(JsonObject(value, "scenario"))

    @classmethod
    def _read(cls, source: JsonObject) -> ScenarioRecord:
        read = cls(
            image=source.text("image"),
            scenario=source.text("scenario"),
            mission=source.text("mission"),
            variant=source.text("variant"),
            test_id=source.text("test_id"),
            status=source.choice("status", Status),
            message=source.text("message"),
            stages=source.objects("stages", Stage._read),
        )
        source.finish()
        return read


@dataclass(frozen=True)
class HostFacts:
    """What the guests ran on.

    :param qemu_version: as QEMU says it.
    :param accelerator: ``kvm`` or ``tcg``.
    :param why: why that accelerator.
    """

    qemu_version: str
    accelerator: str
    why: str

    def to_json(self) -> Json:
        """As written to ``gate.json``."""
        return {
            "qemu_version": _clean(self.qemu_version),
            "accelerator": _clean(self.accelerator),
            "why": _clean(self.why),
        }

    @classmethod
    def _read(cls, source: JsonObject) -> HostFacts:
        read = cls(source.text("qemu_version"), source.text("accelerator"), source.text("why"))
        source.finish()
        return read


@dataclass(frozen=True)
class ImageRecord:
    """One image of the run and the proof that it was not written.

    :param name: short name, as scenarios refer to it.
    :param definition: the file that defines it.
    :param description: its one line.
    :param digest_before: digest of the disk before the run, such as ``sha256:…``; ``None`` when
        it was not taken.
    :param digest_after: likewise after the run.
    """

    name: str
    definition: str
    description: str
    digest_before: str | None
    digest_after: str | None

    @property
    def untouched(self) -> bool | None:
        """Whether the disk is what it was; ``None`` when a digest is missing."""
        if self.digest_before is None or self.digest_after is None:
            return None
        return self.digest_before == self.digest_after

    def to_json(self) -> Json:
        """As written to ``gate.json``."""
        return {
            "name": _clean(self.name),
            "definition": _clean(self.definition),
            "description": _clean(self.description),
            "digest_before": self.digest_before,
            "digest_after": self.digest_after,
        }

    @classmethod
    def _read(cls, source: JsonObject) -> ImageRecord:
        read = cls(
            name=source.text("name"),
            definition=source.text("definition"),
            description=source.text("description"),
            digest_before=source.optional_text("digest_before"),
            digest_after=source.optional_text("digest_after"),
        )
        source.finish()
        return read


@dataclass(frozen=True)
class GateResult:
    """All of one gate run.

    :param powerdown_version: version of this program.
    :param created: when the run ended; must know its time zone.
    :param host: what the guests ran on.
    :param images: the images tested.
    :param scenarios: every test that was selected, in a stable order.
    """

    powerdown_version: str
    created: datetime
    host: HostFacts
    images: tuple[ImageRecord, ...]
    scenarios: tuple[ScenarioRecord, ...]

    def count(self, status: Status) -> int:
        """How many scenarios ended this way."""
        return sum(record.status is status for record in self.scenarios)

    @property
    def skip_reasons(self) -> dict[str, int]:
        """How often each reason to skip was given, most frequent first."""
        skipped = (_clean(r.message) for r in self.scenarios if r.status is Status.SKIPPED)
        return dict(sorted(Counter(skipped).items(), key=lambda item: (-item[1], item[0])))

    def to_json(self) -> Json:
        """As written to ``gate.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "powerdown_version": _clean(self.powerdown_version),
            "created": self.created.astimezone(UTC).isoformat(timespec="seconds"),
            "host": self.host.to_json(),
            "images": [image.to_json() for image in self.images],
            "scenarios": [record.to_json() for record in self.scenarios],
            "totals": self._totals(),
        }

    def write(self, path: Path) -> Path:
        """Write ``gate.json`` whole or not at all.

        :return: ``path``.
        :raise ReportFormatError: the file cannot be written.
        """
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, text)
        except OSError as error:
            raise ReportFormatError(
                f"write the gate result {path}",
                str(error),
                "Make the directory writable, or choose another.",
            ) from error
        return path

    @classmethod
    def from_json(cls, value: object) -> GateResult:
        """Read what :meth:`to_json` gave.

        :raise ReportFormatError: it is anything else, or its totals do not add up.
        """
        source = JsonObject(value, "")
        version = source.whole("schema_version")
        if version != SCHEMA_VERSION:
            raise source.wrong("schema_version", f"it is {version}, known is {SCHEMA_VERSION}")
        created = source.text("created")
        try:
            moment = datetime.fromisoformat(created)
        except ValueError:
            raise source.wrong("created", f"{created!r:.80} is no ISO 8601 time") from None
        if moment.tzinfo is None:
            raise source.wrong("created", f"{created!r} has no time zone")
        read = cls(
            powerdown_version=source.text("powerdown_version"),
            created=moment,
            host=HostFacts._read(source.inner("host")),
            images=source.objects("images", ImageRecord._read),
            scenarios=source.objects("scenarios", ScenarioRecord._read),
        )
        totals = source.inner("totals")
        said: Json = {status: totals.whole(status) for status in Status}
        reasons = totals.objects("skip_reasons", _read_reason)
        said["skip_reasons"] = [{"reason": reason, "count": count} for reason, count in reasons]
        if said != read._totals():
            raise source.wrong("totals", "they do not count the scenarios in the same file")
        totals.finish()
        source.finish()
        return read

    @classmethod
    def read(cls, path: Path) -> GateResult:
        """Read a ``gate.json``.

        :raise ReportFormatError: it is missing, unreadable or not a gate result.
        """
        try:
            value = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise ReportFormatError(
                f"read the gate result {path}", str(error), "Run the gate to write it anew."
            ) from error
        return cls.from_json(value)

    def _totals(self) -> Json:
        totals: Json = {str(status): self.count(status) for status in Status}
        totals["skip_reasons"] = [
            {"reason": _clean(reason), "count": count}
            for reason, count in self.skip_reasons.items()
        ]
        return totals


def _read_reason(source: JsonObject) -> tuple[str, int]:
    read = source.text("reason"), source.whole("count")
    source.finish()
    return read


def verdict_to_json(verdict: Verdict) -> Json:
    """A verdict as written to ``gate.json``."""
    return {
        "outcome": str(verdict.outcome),
        "cause": str(verdict.cause),
        "confidence": str(verdict.confidence),
        "evidence": [
            {
                "source": str(evidence.source),
                "at": evidence.at,
                "fact": _clean(evidence.fact),
                "raw": _clean(evidence.raw),
            }
            for evidence in verdict.evidence
        ],
        "ruled_out": [
            {"cause": str(cause), "fact": _clean(fact)} for cause, fact in verdict.ruled_out
        ],
        "remedy": _clean(verdict.remedy),
    }


def _read_verdict(source: JsonObject) -> Verdict:
    read = Verdict(
        outcome=source.choice("outcome", Outcome),
        cause=source.choice("cause", Cause),
        confidence=source.choice("confidence", Confidence),
        evidence=source.objects("evidence", _read_evidence),
        ruled_out=source.objects("ruled_out", _read_ruled_out),
        remedy=source.text("remedy"),
    )
    source.finish()
    return read


def _read_evidence(source: JsonObject) -> Evidence:
    read = Evidence(
        source=source.choice("source", Source),
        at=source.optional_number("at"),
        fact=source.text("fact"),
        raw=source.text("raw"),
    )
    source.finish()
    return read


def _read_ruled_out(source: JsonObject) -> tuple[Cause, str]:
    read = source.choice("cause", Cause), source.text("fact")
    source.finish()
    return read


def _clean(text: str) -> str:
    """``text`` without lone surrogates, which neither UTF-8 nor xdist can carry."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp gives 0600; a report is for whoever may read the directory.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
