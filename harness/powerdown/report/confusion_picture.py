"""The confusion matrix of a run as a picture, in which wrong verdicts stand out."""

from __future__ import annotations

from pathlib import Path

from powerdown.report.canvas import (
    FAINT_INK,
    INK,
    MARGIN,
    PAPER,
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
from powerdown.report.confusion import Confusion, Entry, Matrix, Tally, View, sort_key

_CELLS_LEFT = 230
_WIDEST_CELL, _ROW = 104.0, 34
_HEAD_LINES, _HEAD_SIZE = 3, 12
_LINE = 15
_MOST_WRONG = 12

_EMPTY: Colour = (246, 248, 250)
_RIGHT_INK: Colour = (22, 128, 80)
_DOUBT_INK: Colour = (94, 105, 119)
_LOW_INK: Colour = (176, 112, 8)
_LOUD: Colour = (190, 38, 44)

_TITLES = {
    View.FULL: "Observed from outside and inside",
    View.OUTSIDE: "The same attempts observed from outside only, as without a control channel",
    View.DEGRADED: "Control channel missing, refused or lost on purpose",
}


def draw_confusion(confusion: Confusion, title: str, path: Path) -> Path:
    """Draw the matrix of every view with attempts into one PNG, one below the other.

    :param title: which images were tested, and when.
    :param path: where to write; missing directories are made.
    :return: ``path``.
    :raise OSError: the file cannot be written.
    """
    return _Picture(confusion, title).draw(path)


class _Picture:
    def __init__(self, confusion: Confusion, title: str) -> None:
        self._views = {view: matrix for view, matrix in confusion.views.items() if matrix.entries}
        # The same columns everywhere, so that views can be compared.
        used = {column for matrix in self._views.values() for column in matrix.columns}
        self._columns = sorted(used, key=sort_key)
        self._wrong = confusion.wrong_confident
        self._title = title

    def draw(self, path: Path) -> Path:
        """Lay the parts out from top to bottom and write the file."""
        top = 150.0
        tops = {}
        for view, matrix in self._views.items():
            tops[view] = top
            top += _matrix_height(matrix)
        wrong_top = top
        if self._wrong:
            top += 50 + 24 * (min(len(self._wrong), _MOST_WRONG) + 1)
        self._canvas = Canvas(WIDTH, round(top + 20), PAPER)
        self._draw_head()
        for view, matrix in self._views.items():
            self._draw_matrix(view, matrix, tops[view])
        if self._wrong:
            self._draw_wrong(wrong_top)
        return self._canvas.save(path)

    def _draw_head(self) -> None:
        canvas = self._canvas
        tone = _LOUD if self._wrong else _RIGHT_INK
        canvas.box(0, 0, WIDTH, 8, fill=tone)
        canvas.text(MARGIN, 52, trimmed(self._title, 17, RIGHT - MARGIN), 17, SOFT_INK)
        count = len(self._wrong)
        words = f"{count} confidently wrong" if count else "No verdict is confidently wrong"
        canvas.text(MARGIN, 100, words if self._views else "No attempt was judged", 32, tone)
        x = float(RIGHT)
        for tally, meaning in reversed(_LEGEND):
            x -= text_width(meaning, 14)
            canvas.text(x, 97, meaning, 14, SOFT_INK, "lm")
            x -= 34
            _draw_sample(canvas, x, 86, tally)
            x -= 24

    def _draw_matrix(self, view: View, matrix: Matrix, top: float) -> None:
        canvas, tally = self._canvas, matrix.tally
        canvas.line(MARGIN, top - 14, RIGHT, top - 14, RULE)
        canvas.text(MARGIN, top + 16, _TITLES[view], 18, INK)
        self._draw_totals(tally, top + 16)
        columns = self._columns
        width = min(_WIDEST_CELL, (RIGHT - _CELLS_LEFT) / len(columns))
        head = top + 44
        canvas.text(MARGIN, head + _HEAD_LINES * _LINE - 3, "actual", 15, SOFT_INK)
        canvas.text(_CELLS_LEFT - 14, head + 13, "predicted", 15, SOFT_INK, "rs")
        cells = matrix.cells
        for index, column in enumerate(columns):
            middle = _CELLS_LEFT + (index + 0.5) * width
            lines = _column_words(column, width - 4)
            first = head + 13 + (_HEAD_LINES - len(lines)) * _LINE
            for number, line in enumerate(lines):
                canvas.text(middle, first + number * _LINE, line, _HEAD_SIZE, SOFT_INK, "ms")
        body = head + _HEAD_LINES * _LINE + 6
        for number, row in enumerate(matrix.rows):
            y = body + number * _ROW
            name = trimmed(row, 15, _CELLS_LEFT - MARGIN - 40)
            canvas.text(MARGIN, y + _ROW / 2 - 1, name, 15, INK, "lm")
            for index, column in enumerate(columns):
                left = _CELLS_LEFT + index * width
                found = cells.get((row, column))
                _draw_cell(canvas, left, y, width, found, diagonal=row == column)

    def _draw_totals(self, tally: Tally, baseline: float) -> None:
        parts = (
            (f"{tally.attempts} attempts", SOFT_INK),
            (f"{tally.right} right", _RIGHT_INK),
            (f"{tally.inconclusive} inconclusive", _DOUBT_INK),
            (
                f"{tally.wrong_low} wrong, low confidence",
                _LOW_INK if tally.wrong_low else SOFT_INK,
            ),
            (
                f"{tally.wrong_confident} confidently wrong",
                _LOUD if tally.wrong_confident else SOFT_INK,
            ),
        )
        x = float(RIGHT)
        for words, colour in reversed(parts):
            self._canvas.text(x, baseline, words, 15, colour, "rs")
            x -= text_width(words, 15) + 22

    def _draw_wrong(self, top: float) -> None:
        canvas = self._canvas
        canvas.line(MARGIN, top - 14, RIGHT, top - 14, RULE)
        canvas.text(MARGIN, top + 16, "Confidently wrong", 18, _LOUD)
        y = top + 50
        for view, entry in self._wrong[:_MOST_WRONG]:
            self._draw_entry(view, entry, y)
            y += 24
        more = len(self._wrong) - _MOST_WRONG
        if more > 0:
            canvas.text(MARGIN, y, f"and {more} more", 14, FAINT_INK)

    def _draw_entry(self, view: View, entry: Entry, y: float) -> None:
        canvas = self._canvas
        canvas.text(MARGIN, y, str(view), 14, SOFT_INK)
        canvas.text(MARGIN + 90, y, trimmed(str(entry), 14, RIGHT - MARGIN - 90), 14, INK)


_LEGEND = (
    (Tally(attempts=1, right=1), "right"),
    (Tally(attempts=1, inconclusive=1), "inconclusive"),
    (Tally(attempts=1, wrong_low=1), "wrong, low confidence"),
    (Tally(attempts=1, wrong_confident=1), "confidently wrong"),
)


def _matrix_height(matrix: Matrix) -> float:
    return 44 + _HEAD_LINES * _LINE + 6 + _ROW * len(matrix.rows) + 50


def _column_words(column: str, width: float) -> list[str]:
    """A label broken at its hyphens into lines that fit."""
    words = column.split("-")
    lines = [f"{word}-" for word in words[:-1]] + words[-1:]
    joined: list[str] = []
    for line in lines:
        if joined and text_width(joined[-1] + line, _HEAD_SIZE) <= width:
            joined[-1] += line
        else:
            joined.append(line)
    if len(joined) > _HEAD_LINES:
        joined = wrapped(" ".join(words), _HEAD_SIZE, width, _HEAD_LINES)
    return [trimmed(line, _HEAD_SIZE, width) for line in joined]


def _colours(tally: Tally) -> tuple[Colour, Colour]:
    """Background and text colour of a cell: those of its worst verdict."""
    if tally.wrong_confident:
        return _LOUD, PAPER
    if tally.wrong_low:
        return mixed(PAPER, _LOW_INK, 0.30), INK
    if tally.inconclusive:
        return mixed(PAPER, _DOUBT_INK, 0.20), INK
    return mixed(PAPER, _RIGHT_INK, 0.12), _RIGHT_INK


def _draw_cell(
    canvas: Canvas, left: float, top: float, width: float, tally: Tally | None, *, diagonal: bool
) -> None:
    box = (left + 1, top + 1, left + width - 1, top + _ROW - 1)
    if tally is None:
        canvas.box(*box, fill=_EMPTY, outline=RULE if diagonal else None)
        return
    ground, ink = _colours(tally)
    canvas.box(*box, fill=ground, radius=3)
    middle = left + width / 2
    text = str(tally.attempts)
    worst = tally.wrong_confident or tally.wrong_low or tally.inconclusive
    if worst and worst != tally.attempts:
        text = f"{worst} of {tally.attempts}"
    canvas.text(middle, top + _ROW / 2, text, 16 if tally.wrong_confident else 15, ink, "mm")


def _draw_sample(canvas: Canvas, left: float, top: float, tally: Tally) -> None:
    ground, ink = _colours(tally)
    canvas.box(left, top, left + 26, top + 22, fill=ground, radius=3)
    canvas.text(left + 13, top + 11, "n", 14, ink, "mm")
