"""Expected verdicts as JSON, written and read back."""

from __future__ import annotations

from powerdown.core.outcome import Cause, Expected, Outcome
from powerdown.report.json_object import JsonObject


def expected_to_json(expected: Expected) -> dict[str, object]:
    """An expected verdict as written to ``gate.json``, ``confusion.json`` and the catalogue."""
    return {"outcome": str(expected.outcome), "cause": str(expected.cause)}


def read_expected(source: JsonObject) -> Expected:
    """Read what :func:`expected_to_json` gave.

    :raise ReportFormatError: it is anything else.
    """
    read = Expected(source.choice("outcome", Outcome), source.choice("cause", Cause))
    source.finish()
    return read
