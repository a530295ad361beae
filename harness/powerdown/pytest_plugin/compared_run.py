"""The earlier run on the other backend that a run is compared with."""

from __future__ import annotations

import pytest

from powerdown.pytest_plugin.backends import backends
from powerdown.pytest_plugin.options import COMPARE
from powerdown.report.gate_result import GateResult
from powerdown.report.scenario_record import ScenarioRecord


def records_to_compare(config: pytest.Config) -> tuple[ScenarioRecord, ...]:
    """Of the result to compare with: the scenarios that ran on another backend than this run's.

    :raise ReportFormatError: that file is not a gate result.
    :raise pytest.UsageError: there is nothing in it to compare with.
    """
    given = config.getoption(COMPARE)
    if not given:
        return ()
    result = GateResult.read(config.invocation_params.dir / given)
    ours = backends(config)
    others = tuple(record for record in result.scenarios if record.backend not in ours)
    if not others:
        raise pytest.UsageError(f"{COMPARE}: no scenario of {given} ran on another backend")
    return others
