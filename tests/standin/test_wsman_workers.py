"""Threads that are kept for the next command."""

from __future__ import annotations

import threading
import time

import pytest
from standin.wsman.workers import Workers

NAME = "test-worker"
PATIENCE = 10.0


@pytest.fixture
def workers():
    workers = Workers(NAME)
    yield workers
    workers.close()
    await_threads(0)


def await_threads(count):
    """Wait until there are at most ``count`` threads; exactly that many must be left then."""
    deadline = time.monotonic() + PATIENCE
    while (left := sum(t.name == NAME for t in threading.enumerate())) > count:
        assert time.monotonic() < deadline, f"{left} threads, not {count}"
        time.sleep(0.001)
    assert left == count


def test_all_work_runs_at_once(workers):
    together = threading.Barrier(9)
    for _ in range(8):
        workers.run(together.wait)
    together.wait(PATIENCE)
    await_threads(2)


def test_a_thread_is_kept_for_the_next_work(workers):
    threads = []
    for _ in range(20):
        done = threading.Event()
        workers.run(lambda done=done: (threads.append(threading.get_ident()), done.set()))
        assert done.wait(PATIENCE)
    # A thread has not always laid down its work when the next comes.
    assert len(set(threads)) <= 2


def test_work_under_way_is_done_after_closing(workers):
    gate, done = threading.Event(), threading.Event()
    workers.run(lambda: (gate.wait(PATIENCE), done.set()))
    workers.close()
    gate.set()
    assert done.wait(PATIENCE)
