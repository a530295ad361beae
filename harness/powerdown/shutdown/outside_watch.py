"""The guest from outside while it shuts down: what its CPUs, its disk and its screen do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from powerdown.core.errors import MachineError
from powerdown.machine.activity import Activity
from powerdown.machine.events import POWER_IS_OFF
from powerdown.machine.protocol import Machine
from powerdown.machine.screen_sample import ScreenSample

_MOST_FAILURES = 3
"""In a row; an answer may be late on a busy host, but each waits for its deadline."""

_MOST_SAMPLES = 2000
"""Enough for an hour; a longer watch forgets the middle, not the ends."""


class OutsideWatch:
    """Samples taken one after the other; three failures in a row end a kind of sample.

    :ivar activity: CPU and disk totals in order of time.
    :ivar screens: samples of the screen; of equal samples in a row only the first and the last.
    :ivar notes: what could not be seen and why.
    :ivar last_sample: the last sample of the screen, with its picture; ``None`` before there is
        one.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.activity: list[Activity] = []
        self.screens: list[ScreenSample] = []
        self.notes: list[str] = []
        self.last_sample: ScreenSample | None = None
        self._failures: Counter[str] = Counter()

    def sample(self) -> None:
        """Take one sample."""
        self._sample_activity()
        self._sample_screen()

    @property
    def screen_is_steady(self) -> bool:
        """Whether the last two samples of the screen show the same."""
        return len(self.screens) > 1 and self.screens[-2].digest == self.screens[-1].digest

    def _sample_activity(self) -> None:
        if self._failures["activity"] >= _MOST_FAILURES:
            return
        try:
            self.activity.append(self._machine.activity())
        except MachineError as error:
            self._failed("activity", error)
        else:
            self._failures["activity"] = 0
        if len(self.activity) > _MOST_SAMPLES:
            del self.activity[1 : _MOST_SAMPLES // 2 : 2]

    def _sample_screen(self) -> None:
        if self._failures["screen"] >= _MOST_FAILURES:
            return
        try:
            look = self._machine.sample_screen()
        except MachineError as error:
            self._failed("screen", error)
            return
        self._failures["screen"] = 0
        self.last_sample = look
        look = replace(look, picture=None)
        if len(self.screens) > 1 and self._is_unchanged(look):
            self.screens[-1] = look
        else:
            self.screens.append(look)
        if len(self.screens) > _MOST_SAMPLES:
            del self.screens[1 : _MOST_SAMPLES // 2 : 2]

    def _is_unchanged(self, look: ScreenSample) -> bool:
        return all(kept.digest == look.digest for kept in self.screens[-2:])

    def _failed(self, kind: str, error: MachineError) -> None:
        self._failures[kind] += 1
        if self._failures[kind] == 1 and self._machine.events.first(POWER_IS_OFF) is None:
            self.notes.append(f"{kind}: {error}")
