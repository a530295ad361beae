"""The result of a gate run as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.outcome import Cause, Outcome
from powerdown.core.text import one_line
from powerdown.diagnosis.verdict import Confidence
from powerdown.report.confusion import Confusion, View
from powerdown.report.gate_result import GateResult, ImageRecord
from powerdown.report.scenario_record import ScenarioRecord, StageRecord, Status

_VIEWS = {
    View.FULL: "confusion matrix",
    View.OUTSIDE: "  from outside only",
    View.DEGRADED: "  without a usable channel",
}

_LEAST_WIDTH = 60
_LEAST_VERDICT = 32
_GAP = "  "

_MARKS = {
    Status.PASSED: ("ok", "32"),
    Status.FAILED: ("FAIL", "1;31"),
    Status.SKIPPED: ("skip", "33"),
    Status.ERROR: ("ERROR", "1;31"),
}
_FAINT = "2"
_BOLD = "1"
_WARNING = "1;31"

_HEAD = ("", "scenario", "variant", "verdict", "conf.", "guest s", "harness s")
_VERDICT = 3
_NUMBERS = frozenset({5, 6})
_SHRINKS = ((2, 10), (1, 12))
"""Which columns give way when the terminal is narrow, and to how many characters."""


@dataclass(frozen=True)
class _Row:
    """One line of the table: its cells, and the colour of the first and the fourth."""

    cells: tuple[str, ...]
    mark: str = ""
    verdict: str = ""


def render(
    gate: GateResult, width: int, colour: bool, reports: Mapping[str, Path] | None = None
) -> str:
    """The whole result as text, ending with a line break.

    Text that came from a guest is stripped of control characters, so that it cannot drive the
    terminal.

    :param width: columns of the terminal; lines are kept within it, down to 60.
    :param colour: whether to use ANSI colours; only for a terminal that shows them.
    :param reports: path of each report by its name, to list at the end.
    """
    paint = _Paint(colour)
    width = max(_LEAST_WIDTH, width)
    lines: list[str] = []
    for image in gate.images:
        records = [record for record in gate.scenarios if record.image == image.name]
        lines += [*_image_lines(image, width, paint), *_table(records, width, paint), ""]
    named = {image.name for image in gate.images}
    strays = [record for record in gate.scenarios if record.image not in named]
    if strays:
        lines += [paint("no image", _BOLD), *_table(strays, width, paint), ""]
    lines += _closing_lines(gate, width, paint, reports or {})
    return "\n".join(line.rstrip() for line in lines) + "\n"


class _Paint:
    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code and text else text


def _image_lines(image: ImageRecord, width: int, paint: _Paint) -> list[str]:
    name = _cut(one_line(image.name), width)
    described = f"{_GAP}{one_line(image.description)}" if image.description else ""
    lines = [paint(name, _BOLD) + _cut(described, max(0, width - len(name)))]
    if image.start:
        lines.append(paint(_cut(f"  guests start {one_line(image.start)}", width), _FAINT))
    if image.untouched is False:
        warning = "THE DISK IMAGE WAS WRITTEN TO: its digest has changed during the run"
        lines.append(paint(_cut(warning, width), _WARNING))
    return lines


def _table(records: Sequence[ScenarioRecord], width: int, paint: _Paint) -> list[str]:
    if not records:
        return [paint("  no scenario was run", _FAINT)]
    blocks = [(_rows(record), _message_lines(record, width, paint)) for record in records]
    rows = [_Row(_HEAD), *(row for block, _ in blocks for row in block)]
    layout = _Layout.fit(rows, width)
    lines = [paint(line, _FAINT) for line in layout.lines(rows[0], _Paint(False))]
    for block, messages in blocks:
        lines += [line for row in block for line in layout.lines(row, paint)]
        lines += messages
    return lines


@dataclass(frozen=True)
class _Layout:
    """Widths of the columns; a verdict that does not fit gets a line of its own."""

    widths: Mapping[int, int]
    width: int

    @classmethod
    def fit(cls, rows: Sequence[_Row], width: int) -> _Layout:
        widths = {
            column: max(len(row.cells[column]) for row in rows) for column in range(len(_HEAD))
        }
        excess = cls(widths, width).excess
        if widths[_VERDICT] - excess >= _LEAST_VERDICT:
            widths[_VERDICT] -= max(0, excess)
        else:
            del widths[_VERDICT]
        for column, least in _SHRINKS:
            excess = cls(widths, width).excess
            if excess > 0:
                widths[column] = max(min(least, widths[column]), widths[column] - excess)
        return cls(widths, width)

    @property
    def excess(self) -> int:
        return sum(self.widths.values()) + len(_GAP) * (len(self.widths) - 1) - self.width

    def lines(self, row: _Row, paint: _Paint) -> list[str]:
        colours = {0: row.mark, _VERDICT: row.verdict}
        cells = []
        for column, width in self.widths.items():
            text = _cut(row.cells[column], width)
            padding = " " * (width - len(text))
            painted = paint(text, colours.get(column, ""))
            cells.append(padding + painted if column in _NUMBERS else painted + padding)
        lines = [_GAP.join(cells)]
        verdict = row.cells[_VERDICT]
        if _VERDICT not in self.widths and verdict:
            indent = " " * (self.widths[0] + 3 * len(_GAP))
            lines.append(indent + paint(_cut(verdict, self.width - len(indent)), row.verdict))
        return lines


def _rows(record: ScenarioRecord) -> list[_Row]:
    mark, code = _MARKS[record.status]
    words = (mark, one_line(record.scenario), one_line(record.variant))
    times = (f"{record.guest_seconds:.1f}", f"{record.harness_seconds:.1f}")
    if record.status in (Status.PASSED, Status.SKIPPED):
        return [_Row((*words, _findings(record.stages), _confidence(record.stages), *times), code)]
    rows = [_Row((*words, "", "", *times), code)]
    for stage in record.stages:
        if stage.diagnosed is not None or stage.expected is not None:
            cells = ("", f"{_GAP}{one_line(stage.name)}", "", _verdict(stage), _confidence([stage]))
            rows.append(_Row((*cells, "", ""), verdict="" if stage.as_expected else _WARNING))
    return rows


def _findings(stages: Sequence[StageRecord]) -> str:
    """Verdicts and measured facts in order: causes, or outcomes where there is no cause."""
    found: list[str] = []
    for stage in stages:
        verdict = stage.diagnosed
        if verdict is not None:
            unnamed = verdict.cause in (Cause.NONE, Cause.UNKNOWN)
            name = str(verdict.outcome if unnamed else verdict.cause)
            # The next boot usually confirms the verdict before it.
            found += [] if found and found[-1] == name else [name]
        found += [f"{one_line(key)}={one_line(str(value))}" for key, value in stage.facts.items()]
    return ", ".join(found)


def _message_lines(record: ScenarioRecord, width: int, paint: _Paint) -> list[str]:
    first = next((line for line in record.message.splitlines() if line.strip()), "")
    if record.status is Status.PASSED or not first:
        return []
    return [paint(_cut(f"       {one_line(first)}", width), _MARKS[record.status][1])]


def _verdict(stage: StageRecord) -> str:
    found = stage.diagnosed
    diagnosed = "none" if found is None else _named(found.outcome, found.cause)
    if stage.expected is None or stage.as_expected:
        return diagnosed
    expected = _named(stage.expected.outcome, stage.expected.cause)
    return f"{diagnosed}, expected {expected}"


def _named(outcome: Outcome, cause: Cause) -> str:
    if cause is Cause.NONE or str(cause) == str(outcome):
        return str(outcome)
    return f"{outcome}/{cause}"


def _confidence(stages: Sequence[StageRecord]) -> str:
    """The lowest confidence of all verdicts."""
    levels = {stage.diagnosed.confidence for stage in stages if stage.diagnosed is not None}
    return next((str(level) for level in reversed(Confidence) if level in levels), "")


def _closing_lines(
    gate: GateResult, width: int, paint: _Paint, reports: Mapping[str, Path]
) -> list[str]:
    words = {
        Status.PASSED: "passed",
        Status.FAILED: "failed",
        Status.SKIPPED: "skipped",
        Status.ERROR: "errors",
    }
    counts = []
    for status, word in words.items():
        count = gate.count(status)
        counts.append(paint(f"{count} {word}", _MARKS[status][1] if count else ""))
    seconds = (
        f"guest {sum(r.guest_seconds for r in gate.scenarios):.1f} s",
        f"harness {sum(r.harness_seconds for r in gate.scenarios):.1f} s",
    )
    lines = [", ".join(counts), ", ".join(seconds)]
    for reason, count in gate.skip_reasons.items():
        lines.append(_cut(f"  skipped {count}: {one_line(reason) or 'no reason given'}", width))
    lines += _confusion_lines(Confusion.of(gate.scenarios), width, paint)
    for one in gate.disagreements:
        lines.append(
            paint(_cut(f"qmp and libvirt disagree: {one_line(str(one))}", width), _WARNING)
        )
    host = gate.host
    on = f"QEMU {host.qemu_version}, {host.accelerator}: {host.why}"
    lines.append(paint(_cut(one_line(on), width), _FAINT))
    longest = max((len(name) for name in reports), default=0)
    # People copy paths from here, so none is cut.
    lines += [f"{one_line(name):{longest}}  {path}" for name, path in reports.items()]
    return lines


def _confusion_lines(confusion: Confusion, width: int, paint: _Paint) -> list[str]:
    """The totals of every view with attempts, and the confidently wrong verdicts."""
    lines: list[str] = []
    for view, words in _VIEWS.items():
        tally = confusion.views[view].tally
        if not tally.attempts and not (view is View.FULL and confusion.views[View.OUTSIDE].entries):
            continue
        line = (
            f"{words}: {tally.right} of {tally.attempts} right, "
            f"{tally.inconclusive} inconclusive, {tally.wrong_confident} confidently wrong"
        )
        line += f", {tally.wrong_low} wrong with low confidence" if tally.wrong_low else ""
        lines.append(paint(_cut(line, width), _WARNING if tally.wrong_confident else ""))
    for view, entry in confusion.wrong_confident:
        line = f"  WRONG ({view}) {one_line(str(entry))}"
        lines.append(paint(_cut(line, width), _WARNING))
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."[:width]
