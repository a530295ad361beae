"""The result of a gate run, and its machine-readable file ``gate.json``.

``gate.schema.json`` beside this module describes the file for other programs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from powerdown.core.text import clean
from powerdown.machine.accelerator import Accelerator, qemu_version
from powerdown.report.disagreement import Disagreement
from powerdown.report.document import Document, Json, ReportFormatError, wrong
from powerdown.report.json_file import write_json
from powerdown.report.scenario_json import ScenarioJson
from powerdown.report.scenario_record import ScenarioRecord, Status

SCHEMA_VERSION: Final = 5
"""Version of the file format; raised whenever readers would have to change."""

_Count = Annotated[int, Meta(ge=0)]
_Digest = Annotated[
    str | None,
    Meta(
        description="Digest of the disk image, or null if it was not computed. Equal before and "
        "after: the image was not written to."
    ),
]


class HostFacts(Document, frozen=True):
    """What the guests ran on."""

    qemu_version: str
    """As QEMU reports it."""
    accelerator: str
    """kvm or tcg."""
    why: str
    """Why this accelerator was chosen."""

    @classmethod
    def of(cls, accelerator: Accelerator) -> HostFacts:
        """Ask this host.

        :raise HostError: QEMU is missing or does not run.
        """
        version = qemu_version().removeprefix("QEMU emulator version ")
        return cls(version, accelerator.kind.value, accelerator.why)


class ImageRecord(Document, frozen=True):
    """One image of the run, with the proof that its disk was not written to."""

    name: str
    """Its short name, as scenarios refer to it."""
    definition: str
    """The file that defines the image."""
    description: str
    """One line."""
    digest_before: _Digest
    digest_after: _Digest
    start: str
    """How its guests started: from which template, or why cold; empty if none did."""

    @property
    def untouched(self) -> bool | None:
        """Whether the disk is unchanged; ``None`` when a digest is missing."""
        if self.digest_before is None or self.digest_after is None:
            return None
        return self.digest_before == self.digest_after


class ReasonJson(Document, frozen=True):
    """A reason to skip, and how often it was given."""

    reason: str
    count: _Count


class TotalsJson(Document, frozen=True):
    """How many scenarios ended each way."""

    passed: _Count
    failed: _Count
    skipped: _Count
    error: _Count
    skip_reasons: tuple[ReasonJson, ...]
    """The most frequent reason first."""


class GateJson(Document, frozen=True):
    """The result of one gate run: every image, every scenario, every verdict with its evidence.

    All durations are in seconds.
    """

    schema_version: Literal[5]
    powerdown_version: str
    created: Annotated[
        datetime,
        Meta(
            tz=True,
            extra_json_schema={
                "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\+00:00$"
            },
        ),
    ]
    """When the run ended: ISO 8601 in UTC."""
    host: HostFacts
    images: tuple[ImageRecord, ...]
    scenarios: tuple[ScenarioJson, ...]
    disagreements: tuple[Disagreement, ...]
    """Where the backends (qmp, libvirt) disagree, among scenarios that ran on both."""
    totals: TotalsJson


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

    @property
    def document(self) -> GateJson:
        """As written to ``gate.json``."""
        return GateJson.from_attributes(
            self,
            schema_version=SCHEMA_VERSION,
            created=self.created.astimezone(UTC).replace(microsecond=0),
            scenarios=tuple(record.document for record in self.scenarios),
            totals=self._totals(),
        )

    def to_json(self) -> Json:
        """As written to ``gate.json``."""
        return self.document.to_json()

    def write(self, path: Path) -> Path:
        """Write ``gate.json`` atomically.

        :return: ``path``.
        :raise ReportFormatError: the file cannot be written.
        """
        return write_json(self.to_json(), path, "gate result")

    @classmethod
    def from_json(cls, value: object, what: str = "a gate result") -> GateResult:
        """Read what :meth:`to_json` gave.

        :param what: what it is, for messages.
        :raise ReportFormatError: it is anything else, or its totals do not add up.
        """
        read = GateJson.read(value, what)
        result = cls(
            powerdown_version=read.powerdown_version,
            created=read.created,
            host=read.host,
            images=read.images,
            scenarios=tuple(map(ScenarioRecord.from_document, read.scenarios)),
            disagreements=read.disagreements,
        )
        if read.totals != result._totals():
            actual = "they do not match the scenarios in the same file"
            raise wrong("", ("totals",), actual, what)
        return result

    @classmethod
    def read(cls, path: Path) -> GateResult:
        """Read a ``gate.json``.

        :raise ReportFormatError: it is missing, unreadable or not a gate result.
        """
        try:
            value = msgspec.json.decode(path.read_bytes())
        except (OSError, ValueError, RecursionError, msgspec.DecodeError) as error:
            raise ReportFormatError(
                f"read the gate result {path}", str(error), "Run the gate again to rewrite it."
            ) from error
        return cls.from_json(value, f"the gate result {path}")

    def _totals(self) -> TotalsJson:
        return TotalsJson(
            **{str(status): self.count(status) for status in Status},
            skip_reasons=tuple(ReasonJson(*each) for each in self.skip_reasons.items()),
        )
