"""Samples of the guest from inside while it shuts down, taken by a thread of its own.

A guest that is busy ending itself may answer late or never. The thread waits for it, so that
nothing else has to.
"""

from __future__ import annotations

import threading

from powerdown.core.deadline import Deadline, now
from powerdown.guest.guest_sample import GuestSample
from powerdown.guest.windows import Windows

_GROWTH = 1.5
"""Each pause is longer than the last: most happens early, and asking costs the guest work."""

_LEAST_ALLOWED = 5.0
"""Seconds for an answer: three programs are run for it by a guest that is busy ending others."""

_BREAK_SECONDS = 0.02
"""For the thread to notice that its question was interrupted."""


class InsideWatch:
    """Takes a :class:`GuestSample` again and again until it is stopped or abandoned.

    :param windows: the inside of the guest.
    :param after_record: only event records newer than this.
    :param pause: seconds before the first sample, and between the first two.
    :param longest_pause: between later ones.
    """

    def __init__(
        self, windows: Windows, after_record: int, pause: float, longest_pause: float
    ) -> None:
        self._windows = windows
        self._after_record = after_record
        self._pause = pause
        self._longest_pause = longest_pause
        self._allowed = max(_LEAST_ALLOWED, 2 * pause)
        self._stopped = threading.Event()
        self._hurry = threading.Event()
        self._changed = threading.Condition()
        self._looks: list[GuestSample] = []
        self._failed_at: float | None = None
        self._failure = ""
        self._thread = threading.Thread(target=self._watch, name="inside-watch", daemon=True)

    def start(self) -> None:
        """Begin; nothing else may use the control channel until it is stopped."""
        self._thread.start()

    def stop(self, *, interrupt: bool = False) -> None:
        """Stop asking; returns when the last question is answered or has run out of time.

        :param interrupt: the guest cannot answer: break the question off instead.
        """
        deadline = Deadline.after(self._allowed * 2)
        self._stopped.set()
        self._hurry.set()
        while interrupt and self._thread.is_alive() and not deadline.expired:
            self._windows.channel.interrupt()
            # It may ask on a connection made just now: then it is broken off next time.
            self._thread.join(_BREAK_SECONDS)
        self._thread.join(deadline.remaining)

    def abandon(self) -> None:
        """Stop asking without waiting: the guest is off and its channel is of no use.

        The thread ends by itself, with its connection or, at the latest, with its deadline.
        """
        self._stopped.set()
        self._hurry.set()
        self._windows.channel.interrupt()

    @property
    def samples(self) -> tuple[GuestSample, ...]:
        """The samples so far."""
        with self._changed:
            return tuple(self._looks)

    @property
    def failure(self) -> str:
        """Why the last question had no answer; empty when it had one, or none was asked yet."""
        with self._changed:
            return self._failure

    def sample_now(self) -> bool:
        """Take a sample now and wait for it as long as one may take.

        :return: whether it came, or failed to, before that.
        """
        since = now()
        self._hurry.set()
        with self._changed:
            return self._changed.wait_for(lambda: self._answered_since(since), self._allowed)

    def _answered_since(self, since: float) -> bool:
        looked = bool(self._looks) and self._looks[-1].at >= since
        return looked or (self._failed_at is not None and self._failed_at >= since)

    def _watch(self) -> None:
        pause = self._pause
        while True:
            self._hurry.wait(pause)
            self._hurry.clear()
            if self._stopped.is_set():
                return
            self._look()
            pause = min(self._longest_pause, pause * _GROWTH)

    def _look(self) -> None:
        asked_at = now()
        try:
            sample = self._windows.sample(self._after_record, self._allowed)
        except Exception as error:
            # Not only PowerdownError: whatever a guest's answer provokes, the watch goes on.
            with self._changed:
                self._failed_at = asked_at
                self._failure = str(error) or type(error).__name__
                self._changed.notify_all()
        else:
            with self._changed:
                self._looks.append(sample)
                self._failure = ""
                self._changed.notify_all()
