"""Calls into libvirt with a time limit, which libvirt itself does not have."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")


class Calls:
    """Makes calls in threads of its own. A call that hangs is abandoned with its thread.

    Not even the interpreter waits for such a thread at its exit, as it would for those of
    :class:`concurrent.futures.ThreadPoolExecutor`.

    :param most: the most threads, and so calls at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = 0
        self._unanswered = 0
        self._closed = False

    def begin(self, work: Callable[[], _T]) -> Future[_T] | None:
        """Make a call as soon as a thread is free; return ``None`` once closed."""
        answer: Future[_T] = Future()
        with self._lock:
            if self._closed:
                return None
            self._unanswered += 1
            self._queue.put(lambda: _answer(answer, work))
            if self._unanswered > self._threads and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._make, name="libvirt", daemon=True).start()
        return answer

    def close(self) -> None:
        """Make no more calls; those that hang are abandoned. May be called twice."""
        with self._lock:
            self._closed = True
            for _ in range(self._threads):
                self._queue.put(None)

    def _make(self) -> None:
        while (call := self._queue.get()) is not None:
            call()
            with self._lock:
                self._unanswered -= 1


def _answer(answer: Future[Any], work: Callable[[], Any]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(work())
    except BaseException as error:
        answer.set_exception(error)


def call_alone(work: Callable[[], _T], seconds: float) -> _T:
    """Make one call in a thread of its own and return its result, or raise its exception.

    :raise TimeoutError: there is no answer in time; the call is abandoned.
    """
    calls = Calls(1)
    try:
        answer = calls.begin(work)
        assert answer is not None
        return answer.result(seconds)
    finally:
        calls.close()
