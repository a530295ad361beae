"""The progress of a shutdown in a terminal: five lines that are redrawn, or a log line per change.

Redrawn with the control sequences of ECMA-48, and only on a terminal. Text from a guest is shown
without control characters.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import unicodedata
from dataclasses import replace
from typing import TextIO

from powerdown.cli.live_steps import StepRow, StepState, step_rows
from powerdown.cli.output import echo
from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import HostError
from powerdown.core.text import printable
from powerdown.images.image import Budgets
from powerdown.machine.events import EventStream, Match, named
from powerdown.shutdown.observation import Command, Observation
from powerdown.shutdown.timeline import Step

_ROUND_SECONDS = 0.5
"""Between redraws for the clock; events are shown at once."""

_LEAVE_SECONDS = 2.0

_UP, _CLEAR, _BOLD, _DIM, _GREEN, _YELLOW, _PLAIN = (
    "\x1b[{}A",
    "\r\x1b[2K",
    "\x1b[1m",
    "\x1b[2m",
    "\x1b[32m",
    "\x1b[33m",
    "\x1b[0m",
)
_COLOURS = {
    StepState.PENDING: _DIM,
    StepState.RUNNING: _BOLD,
    StepState.DONE: _GREEN,
    StepState.NOT_SEEN: _YELLOW,
}

_NAMES = {
    Step.COMMAND: "1 command",
    Step.ACPI: "2 ACPI",
    Step.APPLICATIONS: "3 applications, services",
    Step.CORE_SERVICES: "4 core services",
    Step.POWER_OFF: "5 power off",
}


class LiveView:
    """Shows the shutdown of one guest while its block runs.

    :param out: where to write.
    :param name: the guest's name.
    :param events: the events of its machine.
    :param budgets: how long the shutdown may take.
    :param drawn: whether ``out`` is a terminal to redraw on; otherwise each change is a line.
    """

    def __init__(
        self, out: TextIO, name: str, events: EventStream, budgets: Budgets, *, drawn: bool
    ) -> None:
        self._out = out
        self._name = printable(name)
        self._events = events
        self._budgets = budgets
        self._drawn = drawn
        self._coloured = drawn and not os.environ.get("NO_COLOR")
        self._began_at = now()
        self._note = ""
        self._latest: Observation | None = None
        self._over = False
        self._failure: HostError | None = None
        self._lines = 0
        self._written: dict[Step, tuple[StepState, str]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="live-view", daemon=True)

    def __enter__(self) -> LiveView:
        self._show()
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._stopped.set()
        self._thread.join(_LEAVE_SECONDS)
        if error is None:
            self._show()
            return
        # The error matters more than that its effect cannot be shown.
        with contextlib.suppress(HostError):
            self._show()

    def update(self, obs: Observation) -> None:
        """Take the observation so far; an :data:`ObservationListener`.

        :raise HostError: an earlier one could not be shown.
        """
        self._latest = obs
        if self._failure is not None:
            raise self._failure

    def note(self, text: str) -> None:
        """Show a remark on the whole shutdown."""
        self._note = printable(text)
        if not self._drawn:
            self._write(f"{self._elapsed():7.1f} s   {self._note}")

    def finish(self, obs: Observation) -> None:
        """Show the final state."""
        self._latest, self._over = obs, True
        self._show()

    def _watch(self) -> None:
        try:
            self._show_news()
        except HostError as error:
            self._failure = error

    def _show_news(self) -> None:
        shown_until = self._began_at
        while not self._stopped.is_set():
            if self._events.exit is not None:
                self._stopped.wait(_ROUND_SECONDS)
            else:
                news = _later_than(shown_until)
                self._events.wait(news, Deadline.after(_ROUND_SECONDS), record_wait=False)
            shown_until = now()
            self._show()

    def _show(self) -> None:
        with self._lock:
            obs = self._now()
            rows = step_rows(obs, over=self._over) if obs is not None else _all_pending()
            if self._drawn:
                self._draw(rows)
            else:
                self._write_changes(rows)

    def _now(self) -> Observation | None:
        """The latest observation, with the events since."""
        if self._over:
            return self._latest
        obs = self._latest
        if obs is None:
            pressed = self._events.first(named("POWERDOWN"), since=self._began_at)
            if pressed is None:
                return None
            obs = Observation(Command.PRESS, pressed.at, pressed.at, self._budgets)
        return replace(obs, events=self._events.since(obs.commanded_at), ended_at=now())

    def _elapsed(self) -> float:
        """Seconds since the press; before it, since this view was made."""
        obs = self._now()
        if obs is None:
            return now() - self._began_at
        return (obs.ended_at if self._over else now()) - obs.commanded_at

    def _draw(self, rows: tuple[StepRow, ...]) -> None:
        width = max(20, shutil.get_terminal_size().columns - 1)
        lines = [_fit(self._head(), width)]
        for row in rows:
            line = _fit(_line(row), width)
            lines.append(f"{_COLOURS[row.state]}{line}{_PLAIN}" if self._coloured else line)
        up = _UP.format(self._lines) if self._lines else ""
        self._lines = len(lines)
        self._write(up + "\n".join(f"{_CLEAR}{line}" for line in lines))

    def _head(self) -> str:
        clock = f"{self._name}: {self._elapsed():.1f} s"
        if self._now() is None:
            return f"{clock}, examining it before the press"
        if self._note and not self._over:
            return f"{clock} after the press; {self._note}"
        if self._over:
            return f"{self._name}: followed for {self._elapsed():.1f} s after the press"
        budgets = self._budgets
        limits = f"soft {budgets.shutdown_soft:g} s, at most {budgets.shutdown_hard:g} s"
        return f"{clock} after the press ({limits})"

    def _write_changes(self, rows: tuple[StepRow, ...]) -> None:
        for row in rows:
            news = row.state, row.detail
            if row.state is StepState.PENDING or self._written.get(row.step) == news:
                continue
            self._written[row.step] = news
            self._write(f"{self._elapsed():7.1f} s {_line(row)}")

    def _write(self, text: str) -> None:
        echo(text, self._out)


def _later_than(at: float) -> Match:
    return lambda event: event.at > at


def _fit(text: str, columns: int) -> str:
    """As much of a text as fits on one line: a wrapped line would break the redrawing."""
    for number, character in enumerate(text):
        # Wide and fullwidth characters take two columns (Unicode Standard Annex 11).
        columns -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if columns < 0:
            return text[:number]
    return text


def _all_pending() -> tuple[StepRow, ...]:
    return tuple(StepRow(step, StepState.PENDING) for step in Step)


def _line(row: StepRow) -> str:
    took = "" if row.seconds is None else f"{row.seconds:.2f} s"
    detail = printable(row.detail)
    return f"  {_NAMES[row.step]:25}{row.state:9}{took:>9}  {detail}".rstrip()
