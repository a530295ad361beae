"""One shutdown as a picture: its outcome, its steps over time, and the evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.outcome import Cause, Outcome
from powerdown.diagnosis.verdict import Confidence, Verdict
from powerdown.report.canvas import (
    FAINT_INK,
    INK,
    MARGIN,
    PAPER,
    PLOT_LEFT,
    RIGHT,
    RULE,
    SOFT_INK,
    WIDTH,
    Canvas,
    Colour,
    mixed,
    text_width,
    trimmed,
    wrapped,
)
from powerdown.report.evidence_list import EvidenceList
from powerdown.report.mark_labels import MarkLabel, PlacedLabel, merged, place_labels
from powerdown.report.time_axis import TimeAxis, brief_text, seconds_text
from powerdown.shutdown.timeline import Phase, Step, Timeline

_PLOT_RIGHT = 1150

_LANE, _BAR = 66, 26
_MARK_ROW, _MARK_ROWS = 21, 7
_LEAST_BAR = 5.0
_LEAST_CULPRIT = 80
"""Pixels; the name is left out where there is less room."""

_LONGEST = 1e9
"""Seconds; some thirty years."""

_LANE_FILL: Colour = (246, 248, 250)
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

    Impossible times (before the command, backwards, not a number) are drawn at the nearest
    possible position, never refused: the picture is needed most when something went wrong.

    :param title: scenario, variant and image.
    :param path: where to write; missing directories are made.
    :return: ``path``.
    :raise OSError: the file cannot be written.
    """
    return _Picture(timeline, verdict, title).draw(path)


def _since(seconds: float, origin: float) -> float:
    """Seconds since the command, limited to what can be drawn; 0 if not a number."""
    since = seconds - origin
    return min(max(since, -_LONGEST), _LONGEST) if math.isfinite(since) else 0.0


@dataclass(frozen=True)
class _Bar:
    """A phase, in seconds since the command; its end is not before its start."""

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
        self._axis = TimeAxis(self._shown_seconds(), PLOT_LEFT, _PLOT_RIGHT)
        self._marks = self._placed_marks()
        self._remedy = self._remedy_lines()
        self._evidence = EvidenceList(verdict, timeline.origin)

    def draw(self, path: Path) -> Path:
        """Lay the parts out from top to bottom and write the file."""
        head = 136 + (22 + 23 * len(self._remedy) if self._remedy else 0)
        rows = max((m.row for m in self._marks if m.row is not None), default=0) + 1
        lanes_top = head + 36 + rows * _MARK_ROW
        lanes_bottom = lanes_top + _LANE * len(_LANES)
        flags = self._flags()
        below = lanes_bottom + 40 + 19 * (max(row for *_, row in flags) + 1)
        height = below + self._evidence.height
        self._canvas = Canvas(WIDTH, round(height), PAPER)
        self._draw_head()
        self._draw_lanes(lanes_top, lanes_bottom)
        self._draw_marks(lanes_top, lanes_bottom)
        self._draw_bars(lanes_top)
        self._draw_flags(flags, lanes_bottom)
        self._evidence.draw(self._canvas, below)
        return self._canvas.save(path)

    # What is shown, in seconds and words.

    def _watched_seconds(self) -> float:
        origin = self._timeline.origin
        seen = [self._timeline.end]
        seen += [mark.at for mark in self._timeline.marks]
        seen += [at for p in self._timeline.phases for at in (p.start, p.end) if at is not None]
        return max(0.0, *(_since(at, origin) for at in seen))

    def _bar(self, phase: Phase) -> _Bar:
        start = max(0.0, _since(phase.start, self._timeline.origin))
        unended = phase.end is None
        end = self._watched if phase.end is None else _since(phase.end, self._timeline.origin)
        evidence = phase.evidence[0] if phase.evidence else ""
        return _Bar(phase.step, start, max(start, end), unended, evidence)

    def _shown_seconds(self) -> float:
        """The observed time, extended to a budget that is only a little later."""
        shown = max(self._watched, 0.001)
        budgets = (self._timeline.soft_budget, self._timeline.hard_budget)
        near = [budget for budget in budgets if shown < budget <= 1.25 * shown]
        return max([shown, *near]) * 1.01

    def _placed_marks(self) -> list[PlacedLabel]:
        marks = []
        for mark in self._timeline.marks:
            since = _since(mark.at, self._timeline.origin)
            x = self._axis.x(since)
            time = seconds_text(since)
            room = RIGHT - x - 8 - text_width(time, 13) - 8
            label = trimmed(mark.label, 13, min(room, 330))
            width = text_width(label, 13) + 8 + text_width(time, 13)
            marks.append(MarkLabel(x, label, time, width))
        return place_labels(merged(marks), _MARK_ROWS)

    def _remedy_lines(self) -> list[str]:
        first = next((line for line in self._verdict.remedy.splitlines() if line.strip()), "")
        return wrapped(first, 16, RIGHT - MARGIN - 150, 2)

    def _flags(self) -> list[tuple[float, str, Colour, int]]:
        """Captions under the axis: x of their middle, text, colour, row."""
        ended = f"observation ended at {seconds_text(self._watched)}"
        wanted = [(self._axis.x(self._watched), ended, SOFT_INK)]
        for seconds, name, colour in self._budgets():
            text = f"{name} budget {brief_text(seconds)}"
            inside = seconds <= self._axis.seconds
            x = self._axis.x(seconds) if inside else RIGHT
            wanted.append((x, text if inside else f"{text} >>", colour))
        placed: list[tuple[float, str, Colour, int]] = []
        for x, text, colour in wanted:
            half = text_width(text, 13) / 2
            middle = min(max(x, PLOT_LEFT + half), RIGHT - half)
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
        canvas.box(0, 0, WIDTH, 8, fill=self._tone)
        total = f"observed for {seconds_text(self._watched)}"
        canvas.text(RIGHT, 52, total, 17, SOFT_INK, "rs")
        room = RIGHT - MARGIN - text_width(total, 17) - 30
        canvas.text(MARGIN, 52, trimmed(self._title, 17, room), 17, SOFT_INK)

        named = str(verdict.outcome).replace("-", " ")
        outcome = _WORDS.get(verdict.outcome, named[:1].upper() + named[1:])
        canvas.text(MARGIN, 108, outcome, 42, self._tone)
        x = MARGIN + text_width(outcome, 42) + 16
        pill = f"{verdict.confidence} confidence"
        pill_left = RIGHT - text_width(pill, 15) - 82
        if verdict.cause is Cause.UNKNOWN:
            canvas.text(x, 108, "cause unknown", 24, SOFT_INK)
        elif verdict.cause is not Cause.NONE and str(verdict.cause) != str(verdict.outcome):
            canvas.text(x, 108, "because of", 24, SOFT_INK)
            x += text_width("because of", 24) + 10
            cause = trimmed(str(verdict.cause), 24, pill_left - x - 20)
            canvas.text(x, 108, cause, 24, INK)
            x += text_width(cause, 24) + 12
            room = pill_left - x - 20
            if verdict.culprit and room > _LEAST_CULPRIT:
                canvas.text(x, 108, trimmed(verdict.culprit, 17, room), 17, SOFT_INK)
        canvas.box(pill_left, 80, RIGHT, 114, fill=mixed(PAPER, self._tone, 0.10), radius=17)
        for index in range(3):
            filled = index < _DOTS.get(verdict.confidence, 0)
            colour = self._tone if filled else mixed(PAPER, self._tone, 0.30)
            canvas.dot(pill_left + 20 + 13 * index, 97, 4, colour)
        canvas.text(RIGHT - 18, 97, pill, 15, self._tone, "rm")

        if self._remedy:
            bottom = 136 + 22 + 23 * len(self._remedy) - 4
            canvas.box(MARGIN, 136, RIGHT, bottom, fill=mixed(PAPER, self._tone, 0.06), radius=6)
            canvas.box(MARGIN, 136, MARGIN + 5, bottom, fill=self._tone)
            canvas.text(MARGIN + 24, 162, "What to do", 16, self._tone)
            for index, line in enumerate(self._remedy):
                canvas.text(MARGIN + 130, 162 + 23 * index, line, 16, INK)

    def _draw_lanes(self, top: float, bottom: float) -> None:
        canvas = self._canvas
        for index, (step, (name, way)) in enumerate(_LANES.items()):
            y = top + index * _LANE
            reached = step in self._bars
            canvas.box(PLOT_LEFT, y + 2, RIGHT, y + _LANE - 2, fill=_LANE_FILL, radius=4)
            ink, faint = (INK, SOFT_INK) if reached else (FAINT_INK, FAINT_INK)
            number = _DONE if reached else mixed(PAPER, FAINT_INK, 0.55)
            if reached and self._bars[step].open:
                number = self._tone
            canvas.dot(MARGIN + 13, y + 24, 13, number)
            canvas.text(MARGIN + 13, y + 24, str(index + 1), 14, PAPER, "mm")
            canvas.text(MARGIN + 36, y + 29, name, 15, ink)
            canvas.text(MARGIN + 36, y + 49, way, 13, faint)
        for tick in self._axis.ticks():
            x = self._axis.x(tick)
            canvas.line(x, top, x, bottom + 6, RULE)
            canvas.text(x, bottom + 21, brief_text(tick), 13, SOFT_INK, "ms")
        canvas.line(PLOT_LEFT, bottom, _PLOT_RIGHT, bottom, _MARK)
        end = self._axis.x(self._watched)
        canvas.line(end, top, end, bottom + 10, SOFT_INK)
        for seconds, _, colour in self._budgets():
            if seconds <= self._axis.seconds:
                x = self._axis.x(seconds)
                canvas.dashes(x, top - 4, x, bottom + 8, colour, 2)

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
            canvas.line(mark.x, baseline - 11, mark.x, bottom, mixed(PAPER, _MARK, 0.55))
            canvas.dot(mark.x, top - 3, 3, _MARK)
            canvas.text(mark.x + 6, baseline, mark.label, 13, INK)
            x = mark.x + 6 + text_width(mark.label, 13) + 8
            canvas.text(x, baseline, mark.time, 13, SOFT_INK)
        if unplaced:
            more = f"+{unplaced} more"
            canvas.text(PLOT_LEFT - 14, top - 10, more, 13, SOFT_INK, "rs")

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
                length = f"not finished after {length}"
            else:
                canvas.box(left, y, right, y + _BAR, fill=_DONE, radius=3)
            # White letters need the dark half of a bar that fades.
            room = (right - left) * (0.45 if bar.open else 1.0) - 20
            if text_width(length, 14) <= room:
                canvas.text(left + 11, y + _BAR / 2, length, 14, PAPER, "lm")
            else:
                ink = self._tone if bar.open else INK
                self._over_lines(right + 8, y + _BAR / 2 - 10, length, 14)
                canvas.text(right + 8, y + _BAR / 2, length, 14, ink, "lm")
            self._draw_bar_evidence(bar, left, y + _BAR + 18)

    def _draw_absence(self, step: Step, middle: float) -> None:
        order = list(_LANES)
        last = max((order.index(reached) for reached in self._bars), default=-1)
        words, ink = "not reached", FAINT_INK
        if order.index(step) < last:
            # The guest got further, so it may have passed this step unobserved.
            words = "not seen"
        elif order.index(step) == last + 1 and self._verdict.outcome in _NOT_ENDED:
            words, ink = f"not reached after {seconds_text(self._watched)}", self._tone
        left = PLOT_LEFT + 14 + text_width(words, 14) + 12
        right = max(left, self._axis.x(self._watched))
        self._canvas.dashes(left, middle, right, middle, RULE, 2)
        self._over_lines(PLOT_LEFT + 14, middle - 10, words, 14)
        self._canvas.text(PLOT_LEFT + 14, middle, words, 14, ink, "lm")

    def _draw_bar_evidence(self, bar: _Bar, left: float, baseline: float) -> None:
        if not bar.evidence:
            return
        text = trimmed(bar.evidence, 13, RIGHT - PLOT_LEFT - 20)
        x = min(left + 7, RIGHT - 10 - text_width(text, 13))
        self._over_lines(x, baseline - 13, text, 13)
        self._canvas.text(x, baseline, text, 13, SOFT_INK)

    def _over_lines(self, x: float, top: float, text: str, size: int) -> None:
        """Clear the background of text where lines cross the lane."""
        right = x + text_width(text, size) + 3
        self._canvas.box(x - 2, top, right, top + 19, fill=_LANE_FILL, radius=3)

    def _draw_flags(self, flags: list[tuple[float, str, Colour, int]], bottom: float) -> None:
        for x, text, colour, row in flags:
            self._canvas.text(x, bottom + 42 + 19 * row, text, 13, colour, "ms")
