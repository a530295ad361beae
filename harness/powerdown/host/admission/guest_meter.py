"""Watches what one guest costs while it lives."""

from __future__ import annotations

import threading
from pathlib import Path

from powerdown.host.admission.guest_cost import Life
from powerdown.host.admission.process_usage import PROC, read_usage

_INTERVAL = 0.5
"""Seconds between two looks, each of which takes some 0.2 ms."""


class GuestMeter:
    """Looks at a QEMU from now until it ends or :meth:`close` is called.

    Most guests power themselves off, and of a process that has ended the kernel tells too little:
    the time its threads waited is gone with them, and its ``ru_maxrss`` counts the template's pages
    and even those of the Python that started it. So it is looked at on the way, twice a second; of
    such a guest's last moments at most that much is missed.

    :param pid: the process.
    :param proc: where the proc file system is.
    :param interval: seconds between two looks.
    """

    def __init__(self, pid: int, proc: Path = PROC, interval: float = _INTERVAL) -> None:
        self._pid = pid
        self._proc = proc
        self._interval = interval
        self._done = threading.Event()
        self._first = read_usage(pid, proc)
        self._last = self._first
        self._peak = 0 if self._first is None else self._first.memory
        self._thread = threading.Thread(target=self._watch, daemon=True, name="guest-meter")
        self._thread.start()

    def close(self) -> Life | None:
        """Look a last time and stop; its life, or ``None`` if it was never seen alive.

        May be called twice.
        """
        self._done.set()
        self._thread.join()
        return self.life()

    def life(self) -> Life | None:
        """What was seen of its life so far."""
        if self._first is None or self._last is None:
            return None
        return Life(
            seconds=self._last.at - self._first.at,
            wanted=max(0.0, self._last.wanted - self._first.wanted),
            memory=self._peak,
        )

    def _watch(self) -> None:
        done = False
        while not done:
            done = self._done.wait(self._interval)
            done = not self._look() or done

    def _look(self) -> bool:
        usage = read_usage(self._pid, self._proc)
        if usage is not None:
            self._last = usage
            self._peak = max(self._peak, usage.memory)
        return usage is not None
