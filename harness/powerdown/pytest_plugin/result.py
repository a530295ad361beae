"""The result of a run, from what its tests reported."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from powerdown.core.outcome import Cause
from powerdown.pytest_plugin.shared_images import SharedImages
from powerdown.report.confusion import Confusion
from powerdown.report.confusion_picture import draw_confusion
from powerdown.report.disagreement import disagreements
from powerdown.report.document import ReportFormatError
from powerdown.report.gate_result import GateResult, HostFacts
from powerdown.report.scenario_record import ScenarioRecord


class Records:
    """What the tests reported, in the order of their ids; a later report of a test replaces one."""

    def __init__(self) -> None:
        self._by_test: dict[str, ScenarioRecord] = {}

    def add(self, record: ScenarioRecord) -> None:
        """Keep a record."""
        self._by_test[record.test_id] = record

    def complete(self, selected: Iterable[ScenarioRecord]) -> None:
        """Add the scenarios that were to run and did not, so that a stopped run shows as one."""
        for record in selected:
            self._by_test.setdefault(record.test_id, record)

    def in_order(self) -> tuple[ScenarioRecord, ...]:
        """All records, sorted by image, scenario and test."""
        return tuple(
            sorted(
                self._by_test.values(),
                key=lambda r: (r.image, _position(r.scenario), r.scenario, r.test_id),
            )
        )


def gate_result(
    host: HostFacts,
    images: SharedImages,
    records: Records,
    others: Iterable[ScenarioRecord] = (),
) -> GateResult:
    """The result of a run that has ended.

    :param others: of another run, on another backend, to compare with.
    """
    return GateResult(
        powerdown_version=version("powerdown"),
        created=datetime.now(UTC),
        host=host,
        images=images.records(),
        scenarios=records.in_order(),
        disagreements=disagreements([*others, *records.in_order()]),
    )


def write_confusion(confusion: Confusion, result: GateResult, path: Path) -> None:
    """Write the confusion matrix of a run, and its picture beside it.

    :raise ReportFormatError: a file cannot be written.
    """
    confusion.write(path)
    picture = path.with_suffix(".png")
    names = ", ".join(image.name for image in result.images)
    moment = result.created.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    try:
        draw_confusion(confusion, f"Confusion matrix: {names}, {moment}", picture)
    except OSError as error:
        raise ReportFormatError(
            f"draw the confusion matrix {picture}",
            str(error),
            "Make the directory writable, or choose another.",
        ) from error


_CAUSES = [str(cause) for cause in Cause]


def _position(scenario: str) -> int:
    """Controls first, then the failures in the order of the catalogue."""
    return _CAUSES.index(scenario) if scenario in _CAUSES else -1
