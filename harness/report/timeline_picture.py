"""One shutdown as a picture: what became of it, step by step, and what shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.diagnosis.verdict import Confidence, Evidence, Verdict
from harness.outcome import Cause, Outcome
from harness.report.canvas import Canvas, Colour, mixed, text_width, trimmed, wrapped
from harness.report.mark_labels import MarkLabel, PlacedLabel, merged, place
from harness.report.time_axis import TimeAxis, brief_text, seconds_text
from harness.shutdown.timeline import Phase, Step, Timeline

_WIDTH = 1400
_MARGIN = 44
_PLOT_LEFT, _PLOT_RIGHT = 252, 1150
_RIGHT = _WIDTH - _MARGIN

_LANE, _BAR = 66, 26
_MARK_ROW, _MARK_ROWS = 21, 7
_EVIDENCE_ROW, _EVIDENCE_ROWS, _FINDING_ROWS = 30, 8, 4
_LEAST_BAR = 5.0
_LEAST_CULPRIT = 80
"""Pixels; less room says nothing."""

_LONGEST = 1e9
"""Seconds; some thirty years."""

_PAPER: Colour = (255, 255, 255)
_LANE_FILL: Colour = (246, 248, 250)
_RULE: Colour = (221, 226, 232)
_INK: Colour = (28, 35, 45)
_SOFT_INK: Colour = (94, 105, 119)
_FAINT_INK: Colour = (158, 167, 178)
_DONE: Colour = (56, 106, 166)
_MARK: Colour = (120, 131, 146)
_SOFT_BUDGET: Colour = (176, 112, 8)
_HARD_BUDGET: Colour = (186, 40, 46)
_NEUTRAL: Colour = (86, 96, 110)

_TONE: dict[Outcome, Colour] = {
    Outcome.COMPLETED: (22, 128, 80),
    Outcome.SLOW_BUT_COMPLETED: (176, 112, 8),
    Outcome.RESTARTED_INSTEAD: (194, 84, 16),
    Outcome.STAYED_UP: (190, 38, 44),
    Outcome.SUSPENDED: (48, 92, 160),
    Outcome.HIBERNATED: (36, 112, 140),
    Outcome.CRASHED: (150, 24, 24),
    Outcome.FORCED_OFF: (122, 62, 146),
    Outcome.HOST_FAULT: (150, 36, 96),
    Outcome.INCONCLUSIVE: _NEUTRAL,
}
_WORDS: dict[Outcome, str] = {
    Outcome.SLOW_BUT_COMPLETED: "Completed, but slowly",
}
_NOT_ENDED = frozenset(
    {Outcome.STAYED_UP, Outcome.SUSPENDED, Outcome.CRASHED, Outcome.INCONCLUSIVE}
)
_DOTS: dict[Confidence, int] = {Confidence.HIGH: 3, Confidence.MEDIUM: 2, Confidence.LOW: 1}

_LANES: dict[Step, tuple[str, str]] = {
    Step.COMMAND: ("Command", "host to QEMU"),
    Step.ACPI: ("ACPI", "QEMU to guest"),
    Step.APPLICATIONS: ("Applications, services", "guest"),
    Step.CORE_SERVICES: ("Core services", "guest"),
    Step.POWER_OFF: ("Power off", "guest to QEMU"),
}


def draw(timeline: Timeline, verdict: Verdict, title: str, path: Path) -> Path:
    """Draw a timeline and its verdict as a PNG, the same for the same arguments.

    Times that cannot be (before the command, backwards, not a number) are drawn at the nearest
    place that can, never refused: the picture is needed most when something went wrong.

    :param title: which scenario, variant and image this was.
    :param path: where to write; missing directories are made.
    :return: ``path``.
    :raise OSError: the file cannot be written.
    """
    return _Picture(timeline, verdict, title).draw(path)


def _told(seconds: float, origin: float) -> float:
    """Seconds since the command; 0 for what is not a number, limited to what can be drawn."""
    since = seconds - origin
    return min(max(since, -_LONGEST), _LONGEST) if math.isfinite(since) else 0.0


@dataclass(frozen=True)
class _Bar:
    """A phase in seconds since the command, put in order."""

    step: Step
    start: float
    end: float
    open: bool
    evidence: str


class _Picture:
    def __init__(self, timeline: Timeline, verdict: Verdict, title: str) -> None:
        self._timeline = timeline
        self._verdict = verdict
        self._title = title
        self._tone = _TONE.get(verdict.outcome, _NEUTRAL)
        self._watched = self._watched_seconds()
        self._bars = {phase.step: self._bar(phase) for phase in timeline.phases}
        self._axis = TimeAxis(self._shown_seconds(), _PLOT_LEFT, _PLOT_RIGHT)
        self._marks = self._placed_marks()
        self._remedy = self._remedy_lines()

    def draw(self, path: Path) -> Path:
        """Lay the parts out from top to bottom and write the file."""
        head = 136 + (22 + 23 * len(self._remedy) if self._remedy else 0)
        rows = max((m.row for m in self._marks if m.row is not None), default=0) + 1
        lanes_top = head + 36 + rows * _MARK_ROW
        lanes_bottom = lanes_top + _LANE * len(_LANES)
        flags = self._flags()
        below = lanes_bottom + 40 + 19 * (max(row for *_, row in flags) + 1)
        height = below + self._evidence_height()
        self._canvas = Canvas(_WIDTH, round(height), _PAPER)
        self._draw_head()
        self._draw_lanes(lanes_top, lanes_bottom)
        self._draw_marks(lanes_top, lanes_bottom)
        self._draw_bars(lanes_top)
        self._draw_flags(flags, lanes_bottom)
        self._draw_evidence(below)
        return self._canvas.save(path)

    # What is shown, in seconds and words.

    def _watched_seconds(self) -> float:
        origin = self._timeline.origin
        seen = [self._timeline.end]
        seen += [mark.at for mark in self._timeline.marks]
        seen += [at for p in self._timeline.phases for at in (p.start, p.end) if at is not None]
        return max(0.0, *(_told(at, origin) for at in seen))

    def _bar(self, phase: Phase) -> _Bar:
        start = max(0.0, _told(phase.start, self._timeline.origin))
        unended = phase.end is None
        end = self._watched if phase.end is None else _told(phase.end, self._timeline.origin)
        evidence = phase.evidence[0] if phase.evidence else ""
        return _Bar(phase.step, start, max(start, end), unended, evidence)

    def _shown_seconds(self) -> float:
        """The watched time, stretched to a budget that is only a little further."""
        shown = max(self._watched, 0.001)
        budgets = (self._timeline.soft_budget, self._timeline.hard_budget)
        near = [budget for budget in budgets if shown < budget <= 1.25 * shown]
        return max([shown, *near]) * 1.01

    def _placed_marks(self) -> list[PlacedLabel]:
        marks = []
        for mark in self._timeline.marks:
            since = _told(mark.at, self._timeline.origin)
            x = self._axis.x(since)
            time = seconds_text(since)
            room = _RIGHT - x - 8 - text_width(time, 13) - 8
            label = trimmed(mark.label, 13, min(room, 330))
            width = text_width(label, 13) + 8 + text_width(time, 13)
            marks.append(MarkLabel(x, label, time, width))
        return place(merged(marks), _MARK_ROWS)

    def _remedy_lines(self) -> list[str]:
        first = next((line for line in self._verdict.remedy.splitlines() if line.strip()), "")
        return wrapped(first, 16, _RIGHT - _MARGIN - 150, 2)

    def _flags(self) -> list[tuple[float, str, Colour, int]]:
        """Words under the axis: x of their middle, text, colour, row."""
        ended = f"watching ended {seconds_text(self._watched)}"
        wanted = [(self._axis.x(self._watched), ended, _SOFT_INK)]
        for seconds, name, colour in self._budgets():
            text = f"{name} budget {brief_text(seconds)}"
            inside = seconds <= self._axis.seconds
            x = self._axis.x(seconds) if inside else _RIGHT
            wanted.append((x, text if inside else f"{text} >>", colour))
        placed: list[tuple[float, str, Colour, int]] = []
        for x, text, colour in wanted:
            half = text_width(text, 13) / 2
            middle = min(max(x, _PLOT_LEFT + half), _RIGHT - half)
            row = 0
            while any(
                other_row == row
                and abs(other - middle) < half + text_width(other_text, 13) / 2 + 18
                for other, other_text, _, other_row in placed
            ):
                row += 1
            placed.append((middle, text, colour, row))
        return placed

    def _budgets(self) -> list[tuple[float, str, Colour]]:
        both = (
            (self._timeline.soft_budget, "soft", _SOFT_BUDGET),
            (self._timeline.hard_budget, "hard", _HARD_BUDGET),
        )
        return [one for one in both if math.isfinite(one[0]) and one[0] >= 0]

    # The parts of the picture.

    def _draw_head(self) -> None:
        canvas, verdict = self._canvas, self._verdict
        canvas.box(0, 0, _WIDTH, 8, fill=self._tone)
        total = f"{seconds_text(self._watched)} watched"
        canvas.text(_RIGHT, 52, total, 17, _SOFT_INK, "rs")
        room = _RIGHT - _MARGIN - text_width(total, 17) - 30
        canvas.text(_MARGIN, 52, trimmed(self._title, 17, room), 17, _SOFT_INK)

        named = str(verdict.outcome).replace("-", " ")
        outcome = _WORDS.get(verdict.outcome, named[:1].upper() + named[1:])
        canvas.text(_MARGIN, 108, outcome, 42, self._tone)
        x = _MARGIN + text_width(outcome, 42) + 16
        pill = f"{verdict.confidence} confidence"
        pill_left = _RIGHT - text_width(pill, 15) - 82
        if verdict.cause is Cause.UNKNOWN:
            canvas.text(x, 108, "cause unknown", 24, _SOFT_INK)
        elif verdict.cause is not Cause.NONE and str(verdict.cause) != str(verdict.outcome):
            canvas.text(x, 108, "because of", 24, _SOFT_INK)
            x += text_width("because of", 24) + 10
            cause = trimmed(str(verdict.cause), 24, pill_left - x - 20)
            canvas.text(x, 108, cause, 24, _INK)
            x += text_width(cause, 24) + 12
            room = pill_left - x - 20
            if verdict.culprit and room > _LEAST_CULPRIT:
                canvas.text(x, 108, trimmed(verdict.culprit, 17, room), 17, _SOFT_INK)
        canvas.box(pill_left, 80, _RIGHT, 114, fill=mixed(_PAPER, self._tone, 0.10), radius=17)
        for index in range(3):
            filled = index < _DOTS.get(verdict.confidence, 0)
            colour = self._tone if filled else mixed(_PAPER, self._tone, 0.30)
            canvas.dot(pill_left + 20 + 13 * index, 97, 4, colour)
        canvas.text(_RIGHT - 18, 97, pill, 15, self._tone, "rm")

        if self._remedy:
            bottom = 136 + 22 + 23 * len(self._remedy) - 4
            canvas.box(_MARGIN, 136, _RIGHT, bottom, fill=mixed(_PAPER, self._tone, 0.06), radius=6)
            canvas.box(_MARGIN, 136, _MARGIN + 5, bottom, fill=self._tone)
            canvas.text(_MARGIN + 24, 162, "What to do", 16, self._tone)
            for index, line in enumerate(self._remedy):
                canvas.text(_MARGIN + 130, 162 + 23 * index, line, 16, _INK)

    def _draw_lanes(self, top: float, bottom: float) -> None:
        canvas = self._canvas
        for index, (step, (name, way)) in enumerate(_LANES.items()):
            y = top + index * _LANE
            reached = step in self._bars
            canvas.box(_PLOT_LEFT, y + 2, _RIGHT, y + _LANE - 2, fill=_LANE_FILL, radius=4)
            ink, faint = (_INK, _SOFT_INK) if reached else (_FAINT_INK, _FAINT_INK)
            number = _DONE if reached else mixed(_PAPER, _FAINT_INK, 0.55)
            if reached and self._bars[step].open:
                number = self._tone
            canvas.dot(_MARGIN + 13, y + 24, 13, number)
            canvas.text(_MARGIN + 13, y + 24, str(index + 1), 14, _PAPER, "mm")
            canvas.text(_MARGIN + 36, y + 29, name, 15, ink)
            canvas.text(_MARGIN + 36, y + 49, way, 13, faint)
        for tick in self._axis.ticks():
            x = self._axis.x(tick)
            canvas.line(x, top, x, bottom + 6, _RULE)
            canvas.text(x, bottom + 21, brief_text(tick), 13, _SOFT_INK, "ms")
        canvas.line(_PLOT_LEFT, bottom, _PLOT_RIGHT, bottom, _MARK)
        end = self._axis.x(self._watched)
        canvas.line(end, top, end, bottom + 10, _SOFT_INK)
        for seconds, _, colour in self._budgets():
            if seconds <= self._axis.seconds:
                x = self._axis.x(seconds)
                canvas.dashes(x, top - 4, x, bottom + 8, colour, 1.7)

    def _draw_marks(self, top: float, bottom: float) -> None:
        canvas = self._canvas
        unplaced = 0
        for placed in self._marks:
            mark = placed.mark
            if placed.row is None:
                unplaced += 1
                canvas.dot(mark.x, top - 3, 2, _MARK)
                continue
            baseline = top - 10 - placed.row * _MARK_ROW
            canvas.line(mark.x, baseline - 11, mark.x, bottom, mixed(_PAPER, _MARK, 0.55))
            canvas.dot(mark.x, top - 3, 3, _MARK)
            canvas.text(mark.x + 6, baseline, mark.label, 13, _INK)
            x = mark.x + 6 + text_width(mark.label, 13) + 8
            canvas.text(x, baseline, mark.time, 13, _SOFT_INK)
        if unplaced:
            more = f"+{unplaced} more"
            canvas.text(_PLOT_LEFT - 14, top - 10, more, 13, _SOFT_INK, "rs")

    def _draw_bars(self, top: float) -> None:
        canvas = self._canvas
        for index, step in enumerate(_LANES):
            y = top + index * _LANE + 9
            bar = self._bars.get(step)
            if bar is None:
                self._draw_absence(step, y + _BAR / 2)
                continue
            left = self._axis.x(bar.start)
            right = max(self._axis.x(bar.end), left + _LEAST_BAR)
            length = seconds_text(bar.end - bar.start)
            if bar.open:
                canvas.fading_box(left, y, right, y + _BAR, self._tone, _LANE_FILL)
                canvas.box(left, y, left + _LEAST_BAR, y + _BAR, fill=self._tone)
                length = f"no end seen in {length}"
            else:
                canvas.box(left, y, right, y + _BAR, fill=_DONE, radius=3)
            # White letters need the dark half of a bar that fades.
            room = (right - left) * (0.45 if bar.open else 1.0) - 20
            if text_width(length, 14) <= room:
                canvas.text(left + 11, y + _BAR / 2, length, 14, _PAPER, "lm")
            else:
                ink = self._tone if bar.open else _INK
                self._over_lines(right + 8, y + _BAR / 2 - 10, length, 14)
                canvas.text(right + 8, y + _BAR / 2, length, 14, ink, "lm")
            self._draw_bar_evidence(bar, left, y + _BAR + 18)

    def _draw_absence(self, step: Step, middle: float) -> None:
        order = list(_LANES)
        last = max((order.index(reached) for reached in self._bars), default=-1)
        words, ink = "not reached", _FAINT_INK
        if order.index(step) < last:
            # The guest got further, so it may well have passed this step.
            words = "not seen"
        elif order.index(step) == last + 1 and self._verdict.outcome in _NOT_ENDED:
            words, ink = f"not reached in {seconds_text(self._watched)}", self._tone
        left = _PLOT_LEFT + 14 + text_width(words, 14) + 12
        right = max(left, self._axis.x(self._watched))
        self._canvas.dashes(left, middle, right, middle, _RULE, 1.5)
        self._over_lines(_PLOT_LEFT + 14, middle - 10, words, 14)
        self._canvas.text(_PLOT_LEFT + 14, middle, words, 14, ink, "lm")

    def _draw_bar_evidence(self, bar: _Bar, left: float, baseline: float) -> None:
        if not bar.evidence:
            return
        text = trimmed(bar.evidence, 13, _RIGHT - _PLOT_LEFT - 20)
        x = min(left + 7, _RIGHT - 10 - text_width(text, 13))
        self._over_lines(x, baseline - 13, text, 13)
        self._canvas.text(x, baseline, text, 13, _SOFT_INK)

    def _over_lines(self, x: float, top: float, text: str, size: int) -> None:
        """Clear the ground for letters where lines cross the lane."""
        right = x + text_width(text, size) + 3
        self._canvas.box(x - 2, top, right, top + 19, fill=_LANE_FILL, radius=3)

    def _draw_flags(self, flags: list[tuple[float, str, Colour, int]], bottom: float) -> None:
        for x, text, colour, row in flags:
            self._canvas.text(x, bottom + 42 + 19 * row, text, 13, colour, "ms")

    def _evidence_height(self) -> float:
        shown = min(len(self._verdict.evidence), _EVIDENCE_ROWS)
        more = len(self._verdict.evidence) > _EVIDENCE_ROWS
        rows = max(1, shown + more)
        height = 64 + _EVIDENCE_ROW * rows + 18
        for findings in (self._verdict.ruled_out, self._verdict.also_seen):
            if findings:
                more = len(findings) > _FINDING_ROWS
                height += 54 + _EVIDENCE_ROW * (min(len(findings), _FINDING_ROWS) + more)
        return height

    def _draw_evidence(self, top: float) -> None:
        canvas, verdict = self._canvas, self._verdict
        y = self._heading("Evidence", top + 22)
        for evidence in verdict.evidence[:_EVIDENCE_ROWS]:
            self._draw_fact(evidence, y)
            y += _EVIDENCE_ROW
        if not verdict.evidence:
            canvas.text(_MARGIN, y, "none was recorded", 15, _FAINT_INK)
            y += _EVIDENCE_ROW
        y = self._more(len(verdict.evidence) - _EVIDENCE_ROWS, y)
        y = self._draw_findings("Ruled out", verdict.ruled_out, y)
        self._draw_findings("Also seen", verdict.also_seen, y)

    def _draw_findings(self, title: str, findings: Sequence[tuple[Cause, str]], y: float) -> float:
        if not findings:
            return y
        y = self._heading(title, y + 12)
        room = _RIGHT - _PLOT_LEFT - 14
        for cause, fact in findings[:_FINDING_ROWS]:
            self._canvas.text(_MARGIN, y, trimmed(str(cause), 15, 210), 15, _SOFT_INK)
            self._canvas.text(_PLOT_LEFT + 14, y, trimmed(fact, 15, room), 15, _INK)
            y += _EVIDENCE_ROW
        return self._more(len(findings) - _FINDING_ROWS, y)

    def _heading(self, words: str, y: float) -> float:
        self._canvas.text(_MARGIN, y, words, 16, _INK)
        self._canvas.line(_MARGIN + text_width(words, 16) + 14, y - 5, _RIGHT, y - 5, _RULE)
        return y + 32

    def _more(self, count: int, y: float) -> float:
        if count <= 0:
            return y
        self._canvas.text(_PLOT_LEFT + 14, y, f"and {count} more", 15, _FAINT_INK)
        return y + _EVIDENCE_ROW

    def _draw_fact(self, evidence: Evidence, y: float) -> None:
        canvas = self._canvas
        if evidence.at is not None:
            since = evidence.at - self._timeline.origin
            sign = "" if since < 0 else "+"
            canvas.text(_MARGIN + 80, y, f"{sign}{seconds_text(since)}", 14, _SOFT_INK, "rs")
        source = trimmed(str(evidence.source), 13, 96)
        right = _MARGIN + 94 + text_width(source, 13) + 18
        canvas.box(_MARGIN + 94, y - 16, right, y + 6, fill=(233, 237, 242), radius=11)
        canvas.text(_MARGIN + 103, y, source, 13, _SOFT_INK)
        left, column = _PLOT_LEFT + 14, 830
        canvas.text(left, y, trimmed(evidence.fact, 15, column - left - 24), 15, _INK)
        canvas.text(column, y, trimmed(evidence.raw, 13, _RIGHT - column), 13, _SOFT_INK)
