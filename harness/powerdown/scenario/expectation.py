"""Verdicts that a scenario asserts: one that is right, or several."""

from __future__ import annotations

from powerdown.core.outcome import Expected
from powerdown.diagnosis.judgement import is_wrong_confident
from powerdown.diagnosis.verdict import Verdict
from powerdown.report.verdict_text import unsettled_lines

ExpectedVerdicts = Expected | tuple[Expected, ...]
"""The verdict that is right, or several of them, the likeliest first."""


class UnexpectedVerdict(AssertionError):
    """A verdict is not the expected one; the message has its evidence and its remedy."""


def matched(expected: ExpectedVerdicts, verdict: Verdict) -> Expected:
    """Of several right verdicts the one that was reached; else the likeliest."""
    found = Expected(verdict.outcome, verdict.cause)
    return found if found in _alternatives(expected) else _alternatives(expected)[0]


def assert_verdict(
    expected: ExpectedVerdicts, verdict: Verdict, name: str, *, or_in_doubt: bool = False
) -> None:
    """Check that the verdict is right.

    :param name: what was done.
    :param or_in_doubt: accept also what is inconclusive or of low confidence.
    :raise UnexpectedVerdict: it is not.
    """
    __tracebackhide__ = True
    alternatives = _alternatives(expected)
    if Expected(verdict.outcome, verdict.cause) in alternatives:
        return
    if or_in_doubt and not all(is_wrong_confident(one, verdict) for one in alternatives):
        return
    right = " or ".join(f"{e.outcome} ({e.cause})" for e in alternatives)
    found = [f"{e.source}: {e.fact}: {e.raw}" for e in verdict.evidence]
    facts = "\n".join(f"  {line}" for line in (*found, *unsettled_lines(verdict)))
    raise UnexpectedVerdict(
        f"{name}: expected {right}, diagnosed {verdict}\n{facts}\n"
        f"  remedy: {verdict.remedy or 'none known'}"
    )


def _alternatives(expected: ExpectedVerdicts) -> tuple[Expected, ...]:
    return (expected,) if isinstance(expected, Expected) else expected
