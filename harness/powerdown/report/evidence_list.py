"""The lower part of a picture: evidence, ruled out causes and what else was seen."""

from __future__ import annotations

from collections.abc import Sequence

from powerdown.diagnosis.verdict import Evidence, Verdict
from powerdown.report.canvas import (
    FAINT_INK,
    INK,
    MARGIN,
    PLOT_LEFT,
    RIGHT,
    RULE,
    SOFT_INK,
    Canvas,
    text_width,
    trimmed,
)
from powerdown.report.time_axis import seconds_text

_ROW, _ROWS, _FINDING_ROWS = 30, 8, 4
_Findings = Sequence[tuple[str, str]]


class EvidenceList:
    """The evidence of a verdict, a line each.

    :param verdict: the verdict.
    :param origin: time zero of the picture, in seconds of the host-monotonic clock.
    """

    def __init__(self, verdict: Verdict, origin: float) -> None:
        self._verdict = verdict
        self._origin = origin

    @property
    def height(self) -> float:
        """Pixels from its top to its bottom."""
        shown = min(len(self._verdict.evidence), _ROWS)
        more = len(self._verdict.evidence) > _ROWS
        rows = max(1, shown + more)
        height = 64 + _ROW * rows + 18
        for _, findings in self._findings():
            if findings:
                more = len(findings) > _FINDING_ROWS
                height += 54 + _ROW * (min(len(findings), _FINDING_ROWS) + more)
        return height

    def draw(self, canvas: Canvas, top: float) -> None:
        """Draw it from ``top`` on."""
        verdict = self._verdict
        y = self._heading(canvas, "Evidence", top + 22)
        for evidence in verdict.evidence[:_ROWS]:
            self._draw_fact(canvas, evidence, y)
            y += _ROW
        if not verdict.evidence:
            canvas.text(MARGIN, y, "none recorded", 15, FAINT_INK)
            y += _ROW
        y = self._more(canvas, len(verdict.evidence) - _ROWS, y)
        for title, findings in self._findings():
            y = self._draw_findings(canvas, title, findings, y)

    def _findings(self) -> tuple[tuple[str, _Findings], ...]:
        """Titles and rows of two columns below the evidence."""
        verdict = self._verdict
        return (
            ("Ruled out", [(str(cause), fact) for cause, fact in verdict.ruled_out]),
            ("Also seen", [(str(cause), fact) for cause, fact in verdict.also_seen]),
            (
                "Rests on what is not settled",
                [(fact.id, f"{fact.status}: {fact.plain_claim}") for fact in verdict.unsettled],
            ),
        )

    def _draw_findings(self, canvas: Canvas, title: str, findings: _Findings, y: float) -> float:
        if not findings:
            return y
        y = self._heading(canvas, title, y + 12)
        room = RIGHT - PLOT_LEFT - 14
        for name, fact in findings[:_FINDING_ROWS]:
            canvas.text(MARGIN, y, trimmed(name, 15, 210), 15, SOFT_INK)
            canvas.text(PLOT_LEFT + 14, y, trimmed(fact, 15, room), 15, INK)
            y += _ROW
        return self._more(canvas, len(findings) - _FINDING_ROWS, y)

    def _heading(self, canvas: Canvas, words: str, y: float) -> float:
        canvas.text(MARGIN, y, words, 16, INK)
        canvas.line(MARGIN + text_width(words, 16) + 14, y - 5, RIGHT, y - 5, RULE)
        return y + 32

    def _more(self, canvas: Canvas, count: int, y: float) -> float:
        if count <= 0:
            return y
        canvas.text(PLOT_LEFT + 14, y, f"and {count} more", 15, FAINT_INK)
        return y + _ROW

    def _draw_fact(self, canvas: Canvas, evidence: Evidence, y: float) -> None:
        if evidence.at is not None:
            since = evidence.at - self._origin
            sign = "" if since < 0 else "+"
            canvas.text(MARGIN + 80, y, f"{sign}{seconds_text(since)}", 14, SOFT_INK, "rs")
        source = trimmed(str(evidence.source), 13, 96)
        right = MARGIN + 94 + text_width(source, 13) + 18
        canvas.box(MARGIN + 94, y - 16, right, y + 6, fill=(233, 237, 242), radius=11)
        canvas.text(MARGIN + 103, y, source, 13, SOFT_INK)
        left, column = PLOT_LEFT + 14, 830
        canvas.text(left, y, trimmed(evidence.fact, 15, column - left - 24), 15, INK)
        canvas.text(column, y, trimmed(evidence.raw, 13, RIGHT - column), 13, SOFT_INK)
