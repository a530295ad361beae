"""The result of a gate run, and its machine-readable file ``gate.json``.

``gate.schema.json`` beside this module describes the file for other programs.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from powerdown.core.text import clean
from powerdown.machine.accelerator import Accelerator, qemu_version
from powerdown.report.disagreement import Disagreement
from powerdown.report.json_file import write_json
from powerdown.report.json_object import JsonObject, ReportFormatError
from powerdown.report.scenario_record import ScenarioRecord, Status
from powerdown.report.verdict_json import Json

SCHEMA_VERSION = 4
"""Version of the file format; raised whenever readers would have to change."""


@dataclass(frozen=True)
class HostFacts:
    """What the guests ran on.

    :param qemu_version: as QEMU reports it.
    :param accelerator: ``kvm`` or ``tcg``.
    :param why: why that accelerator was chosen.
    """

    qemu_version: str
    accelerator: str
    why: str

    @classmethod
    def of(cls, accelerator: Accelerator) -> HostFacts:
        """Ask this host.

        :raise HostError: QEMU is missing or does not run.
        """
        version = qemu_version().removeprefix("QEMU emulator version ")
        return cls(version, accelerator.kind.value, accelerator.why)

    def to_json(self) -> Json:
        """As written to ``gate.json``."""
        return {
            "qemu_version": clean(self.qemu_version),
            "accelerator": clean(self.accelerator),
            "why": clean(self.why),
        }

    @classmethod
    def _read(cls, source: JsonObject) -> HostFacts:
        read = cls(source.text("qemu_version"), source.text("accelerator"), source.text("why"))
        source.finish()
        return read


@dataclass(frozen=True)
class ImageRecord:
    """One image of the run, with the proof that its disk was not written to.

    :param name: short name, as scenarios refer to it.
    :param definition: the file that defines it.
    :param description: its one line.
    :param digest_before: digest of the disk before the run, such as ``sha256:…``; ``None`` when
        it was not taken.
    :param digest_after: likewise after the run.
    :param start: how its guests started: cloned from a template, or booted and why; empty if
        none did.
    """

    name: str
    definition: str
    description: str
    digest_before: str | None
    digest_after: str | None
    start: str = ""

    @property
    def untouched(self) -> bool | None:
        """Whether the disk is unchanged; ``None`` when a digest is missing."""
        if self.digest_before is None or self.digest_after is None:
            return None
        return self.digest_before == self.digest_after

    def to_json(self) -> Json:
        """As written to ``gate.json``."""
        return {
            "name": clean(self.name),
            "definition": clean(self.definition),
            "description": clean(self.description),
            "digest_before": self.digest_before,
            "digest_after": self.digest_after,
            "start": clean(self.start),
        }

    @classmethod
    def _read(cls, source: JsonObject) -> ImageRecord:
        read = cls(
            name=source.text("name"),
            definition=source.text("definition"),
            description=source.text("description"),
            digest_before=source.optional_text("digest_before"),
            digest_after=source.optional_text("digest_after"),
            start=source.text("start"),
        )
        source.finish()
        return read


@dataclass(frozen=True)
class GateResult:
    """The result of one gate run.

    :param powerdown_version: version of this program.
    :param created: when the run ended; must know its time zone.
    :param host: what the guests ran on.
    :param images: the images tested.
    :param scenarios: every test that was selected, in a stable order.
    :param disagreements: what the backends disagree about.
    """

    powerdown_version: str
    created: datetime
    host: HostFacts
    images: tuple[ImageRecord, ...]
    scenarios: tuple[ScenarioRecord, ...]
    disagreements: tuple[Disagreement, ...] = ()

    def count(self, status: Status) -> int:
        """How many scenarios ended this way."""
        return sum(record.status is status for record in self.scenarios)

    @property
    def skip_reasons(self) -> dict[str, int]:
        """How often each reason to skip was given, most frequent first."""
        skipped = (clean(r.message) for r in self.scenarios if r.status is Status.SKIPPED)
        return dict(sorted(Counter(skipped).items(), key=lambda item: (-item[1], item[0])))

    def to_json(self) -> Json:
        """As written to ``gate.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "powerdown_version": clean(self.powerdown_version),
            "created": self.created.astimezone(UTC).isoformat(timespec="seconds"),
            "host": self.host.to_json(),
            "images": [image.to_json() for image in self.images],
            "scenarios": [record.to_json() for record in self.scenarios],
            "disagreements": [one.to_json() for one in self.disagreements],
            "totals": self._totals(),
        }

    def write(self, path: Path) -> Path:
        """Write ``gate.json`` atomically.

        :return: ``path``.
        :raise ReportFormatError: the file cannot be written.
        """
        return write_json(self.to_json(), path, "gate result")

    @classmethod
    def from_json(cls, value: object) -> GateResult:
        """Read what :meth:`to_json` gave.

        :raise ReportFormatError: it is anything else, or its totals do not add up.
        """
        source = JsonObject(value, "")
        version = source.count("schema_version")
        if version != SCHEMA_VERSION:
            raise source.wrong("schema_version", f"found {version}, expected {SCHEMA_VERSION}")
        created = source.text("created")
        try:
            moment = datetime.fromisoformat(created)
        except ValueError:
            raise source.wrong("created", f"{created!r:.80} is not an ISO 8601 time") from None
        if moment.tzinfo is None:
            raise source.wrong("created", f"{created!r} has no time zone")
        read = cls(
            powerdown_version=source.text("powerdown_version"),
            created=moment,
            host=HostFacts._read(source.inner("host")),
            images=source.objects("images", ImageRecord._read),
            scenarios=source.objects("scenarios", ScenarioRecord.read),
            disagreements=source.objects("disagreements", Disagreement.read),
        )
        totals = source.inner("totals")
        found: Json = {status: totals.count(status) for status in Status}
        reasons = totals.objects("skip_reasons", _read_reason)
        found["skip_reasons"] = [{"reason": reason, "count": count} for reason, count in reasons]
        if found != read._totals():
            raise source.wrong("totals", "they do not match the scenarios in the same file")
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
                f"read the gate result {path}", str(error), "Run the gate again to rewrite it."
            ) from error
        return cls.from_json(value)

    def _totals(self) -> Json:
        totals: Json = {str(status): self.count(status) for status in Status}
        totals["skip_reasons"] = [
            {"reason": clean(reason), "count": count} for reason, count in self.skip_reasons.items()
        ]
        return totals


def _read_reason(source: JsonObject) -> tuple[str, int]:
    read = source.text("reason"), source.count("count")
    source.finish()
    return read
