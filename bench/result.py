"""The result of a run of the benchmarks, as one JSON file.

::

    {"format": 1,
     "created": "2026-01-31T12:00:00+00:00",     when the run ended, UTC
     "image": "standin",
     "machine": {"cores", "cpu", "memory_mib", "kernel", "python", "qemu", "accelerator", "why",
                 "load"},                        see bench.machine_facts.MachineFacts
     "options": {...},                           the options of the command, with defaults
     "rows": [                                   the table, in its order
       {"benchmark": 1,                          number of the benchmark, 1 to 7
        "what": "clone ready",
        "value": 0.17, "unit": "s",              a median where there are several samples
        "samples": 10,
        "ratio": 3.9, "to": "the floor",         null and "" if compared with nothing
        "limit": 4.0,                            null, or what the ratio (without one: the value)
                                                 may be at most
        "reached": true}],                       null without a limit
     "samples": {                                every measured value, by name
       "start/clone": {"unit": "s", "median", "min", "max", "values": [...]}},
     "attempts": [                               benchmark 5, one for each failure diagnosed
       {"scenario", "variant", "stage", "outcome", "cause",
        "seconds": 4.2,                          from the command to the verdict
        "exact": true,                           false: at most so many seconds
        "off_seconds": null}],                   from the command to power-off; null without
     "notes": [...]}                             remarks for the reader, one line each

Units: ``s`` seconds, ``ms`` milliseconds, ``MiB``, ``%``, ``scenarios``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.attempt import BenchAttempt
from bench.figures import Figures
from bench.machine_facts import MachineFacts
from bench.row import Row
from powerdown.report.json_file import write_json

FORMAT = 1


@dataclass
class Result:
    """The result of a run so far."""

    image: str
    machine: MachineFacts
    options: Mapping[str, object]
    figures: Figures = field(default_factory=Figures)
    rows: list[Row] = field(default_factory=list)
    attempts: Sequence[BenchAttempt] = ()
    notes: list[str] = field(default_factory=list)

    def to_json(self, created: datetime) -> dict[str, object]:
        """As described above."""
        return {
            "format": FORMAT,
            "created": created.astimezone(UTC).isoformat(timespec="seconds"),
            "image": self.image,
            "machine": self.machine.to_json(),
            "options": dict(self.options),
            "rows": [row.to_json() for row in self.rows],
            "samples": self.figures.to_json(),
            "attempts": [asdict(attempt) for attempt in self.attempts],
            "notes": self.notes,
        }

    def write(self, path: Path) -> Path:
        """Write the file whole or not at all; ``path``.

        :raise ReportFormatError: it cannot be written.
        """
        return write_json(self.to_json(datetime.now(UTC)), path, "benchmark result")
