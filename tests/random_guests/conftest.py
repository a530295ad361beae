"""Options, parameters and the report of the randomised run.

``pytest tests/random_guests --random-guests 300 -n 2`` writes ``reports/random.jsonl``, a line as
each guest is done, and ``reports/random.json`` at the end. Started with a directory above this one,
pytest does not know the options and, under xdist, writes no report: the tests are the same.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

_GUESTS = "--random-guests"
_FIRST = "--random-first"
_SEED = "--random-seed"
_KEEP = "--random-keep"
_DEFAULT_GUESTS = 4
_DEFAULT_SEED = 3
RECORD = "random_guest"
"""Name of the property by which a test hands its record to the report."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("random guests")
    group.addoption(
        _GUESTS,
        type=int,
        default=_DEFAULT_GUESTS,
        metavar="N",
        help="how many random guests to boot (default: %(default)s)",
    )
    group.addoption(
        _FIRST,
        type=int,
        default=0,
        metavar="N",
        help="number of the first of them, to go on with an earlier run (default: %(default)s)",
    )
    group.addoption(
        _SEED,
        type=int,
        default=_DEFAULT_SEED,
        metavar="S",
        help="what their settings are drawn from (default: %(default)s)",
    )
    group.addoption(
        _KEEP,
        type=Path,
        metavar="DIRECTORY",
        help="keep what was seen of each guest there, for tests/random_guests/again.py",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Report(config), "random-guests-report")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "guest_number" in metafunc.fixturenames:
        # Where pytest was started with a directory above it knows the options only by now.
        guests = metafunc.config.getoption(_GUESTS, _DEFAULT_GUESTS)
        first = metafunc.config.getoption(_FIRST, 0)
        metafunc.parametrize("guest_number", range(first, first + guests))


@pytest.fixture(scope="session")
def random_seed(pytestconfig: pytest.Config) -> int:
    seed = pytestconfig.getoption(_SEED, _DEFAULT_SEED)
    assert isinstance(seed, int)
    return seed


@pytest.fixture(scope="session")
def kept_observations(pytestconfig: pytest.Config) -> Path | None:
    """Where what was seen of each guest is to be kept."""
    directory = pytestconfig.getoption(_KEEP, None)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    return directory


class _Report:
    """Collects what the tests found; on the controller, or without xdist."""

    def __init__(self, config: pytest.Config) -> None:
        reports = config.invocation_params.dir / str(config.getoption("--powerdown-reports"))
        self._lines = reports / "random.jsonl"
        self._summary = reports / "random.json"
        self._records: list[dict[str, Any]] = []
        self._failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        records = [value for name, value in report.user_properties if name == RECORD]
        if report.when == "call" and records:
            self._add(records[0])  # type: ignore[arg-type]
        elif report.failed and "random_guests" in report.nodeid:
            self._failed.append(f"{report.nodeid} ({report.when}): {report.longreprtext[-1500:]}")

    def pytest_sessionfinish(self) -> None:
        if not self._records and not self._failed:
            return
        self._summary.parent.mkdir(parents=True, exist_ok=True)
        self._summary.write_text(json.dumps(self._sum(), indent=2) + "\n")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._records:
            summary = {k: v for k, v in self._sum().items() if isinstance(v, int | float | dict)}
            terminalreporter.section("random guests")
            terminalreporter.write_line(json.dumps(summary))
            terminalreporter.write_line(f"{self._summary}")

    def _add(self, record: dict[str, Any]) -> None:
        self._lines.parent.mkdir(parents=True, exist_ok=True)
        with self._lines.open("a" if self._records else "w") as lines:
            lines.write(json.dumps(record) + "\n")
        self._records.append(record)

    def _sum(self) -> dict[str, Any]:
        records = self._records
        seconds = [record["seconds"]["in all"] for record in records]
        return {
            "guests": len(records),
            "seconds_per_guest": round(sum(seconds) / len(seconds), 1) if seconds else 0,
            "full": dict(Counter(record["full"]["judgement"] for record in records)),
            "from_outside": dict(Counter(record["outside"]["judgement"] for record in records)),
            "outcomes": dict(Counter(record["full"]["verdict"]["outcome"] for record in records)),
            "causes": dict(Counter(record["full"]["verdict"]["cause"] for record in records)),
            "not_judged": self._failed,
            "unexpected": [record for record in records if not record["accepted"]],
            "inconclusive": [
                record["guest"]["number"]
                for record in records
                if record["full"]["judgement"] == "inconclusive"
            ],
        }
