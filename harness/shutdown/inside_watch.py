"""The guest from inside while it shuts down, asked by a thread of its own.

A guest that is busy ending itself may answer late or never. The thread waits for it, so that
nothing else has to.
"""

from __future__ import annotations

import threading
from types import TracebackType

from harness.deadline import Deadline, now
from harness.errors import PowerdownError
from harness.guest.look import Look
from harness.guest.windows import Windows

_LONGEST_PAUSE = 10.0
_GROWTH = 1.5
"""Each pause is longer than the last: most happens early, and asking costs the guest work."""


class InsideWatch:
    """Takes a :class:`Look` again and again until the block ends.

    :param windows: whom to ask.
    :param after_record: only event records newer than this.
    :param pause: seconds before the first look, and between the first two.
    """

    def __init__(self, windows: Windows, after_record: int, pause: float) -> None:
        self._windows = windows
        self._after_record = after_record
        self._pause = pause
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._looks: list[Look] = []
        self._failed_at: float | None = None
        self._failure = ""
        self._thread = threading.Thread(target=self._watch, name="inside-watch", daemon=True)

    def __enter__(self) -> InsideWatch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more; returns when the last question is answered or has run out of time."""
        self._stopped.set()
        self._thread.join(self._allowed * 2)

    @property
    def looks(self) -> tuple[Look, ...]:
        """What was seen so far."""
        with self._changed:
            return tuple(self._looks)

    @property
    def failure(self) -> str:
        """Why the last question had no answer; empty when it had one, or none was asked yet."""
        with self._changed:
            return self._failure

    def wait_for_look(self, since: float, deadline: Deadline) -> bool:
        """Wait for an answer, or the lack of one, to a question put after ``since``."""
        with self._changed:
            return self._changed.wait_for(lambda: self._answered_since(since), deadline.remaining)

    @property
    def _allowed(self) -> float:
        return max(2.0, 2 * self._pause)

    def _answered_since(self, since: float) -> bool:
        looked = bool(self._looks) and self._looks[-1].at >= since
        return looked or (self._failed_at is not None and self._failed_at >= since)

    def _watch(self) -> None:
        pause = self._pause
        while not self._stopped.wait(pause):
            self._look()
            pause = min(_LONGEST_PAUSE, pause * _GROWTH)

    def _look(self) -> None:
        try:
            look = self._windows.look(self._after_record, self._allowed)
        except PowerdownError as error:
            with self._changed:
                self._failed_at, self._failure = now(), str(error)
                self._changed.notify_all()
        else:
            with self._changed:
                self._looks.append(look)
                self._failure = ""
                self._changed.notify_all()
