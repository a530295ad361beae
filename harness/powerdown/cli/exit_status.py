"""Exit statuses of ``powerdown``: what they are, and how ``--help`` explains them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from enum import IntEnum

from powerdown.core.outcome import Outcome
from powerdown.diagnosis.forecast import Forecast
from powerdown.diagnosis.verdict import Verdict


class ExitStatus(IntEnum):
    """What a command returns to the shell."""

    SUCCESS = 0
    FAILURE = 1
    """The guest did not shut down, or something was found that endangers its shutdown."""
    ERROR = 2
    """Bad input, a missing tool, or a fault of the host."""
    INCONCLUSIVE = 3
    FORCED = 4
    """The guest did not shut down, and its power was cut as requested."""
    INTERRUPTED = 130
    """What shells make of SIGINT: 128 plus the signal's number."""
    BROKEN_STDOUT = 141
    """What shells make of SIGPIPE, likewise. Python raises an error instead."""


_OF_EVERY_COMMAND = {
    ExitStatus.ERROR: "error: bad input, a missing tool or a host fault",
    ExitStatus.INTERRUPTED: "interrupted",
    ExitStatus.BROKEN_STDOUT: "the reader of a pipe closed it",
}

_SUCCESSFUL = (Outcome.COMPLETED, Outcome.SLOW_BUT_COMPLETED)


def exit_status_help(meanings: Mapping[ExitStatus, str], title: str = "exit status") -> str:
    """The section of a command's ``--help`` that explains its exit statuses.

    :param meanings: those of this command, to which those of every command are added.
    """
    known = sorted({**_OF_EVERY_COMMAND, **meanings}.items())
    lines = (
        textwrap.fill(f"  {status:<3}  {meaning}", 79, subsequent_indent=" " * 7)
        for status, meaning in known
    )
    return "\n".join((f"{title}:", *lines))


def verdict_status(verdict: Verdict) -> ExitStatus:
    """The status after a press of the power button."""
    if verdict.outcome in _SUCCESSFUL:
        return ExitStatus.SUCCESS
    return {
        Outcome.HOST_FAULT: ExitStatus.ERROR,
        Outcome.INCONCLUSIVE: ExitStatus.INCONCLUSIVE,
    }.get(verdict.outcome, ExitStatus.FAILURE)


def forecast_status(forecast: Forecast) -> ExitStatus:
    """The status after a guest was examined without a press."""
    if forecast.stops:
        return ExitStatus.FAILURE
    return ExitStatus.SUCCESS if forecast.expected in _SUCCESSFUL else ExitStatus.INCONCLUSIVE
