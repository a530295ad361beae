"""The lazy writer of the modelled machine."""

from __future__ import annotations

import threading

import pytest
from standin.lazy_writer import LazyWriter

PATIENCE = 10.0


@pytest.fixture
def written():
    return threading.Semaphore(0)


@pytest.fixture
def writer(written):
    writer = LazyWriter(written.release, interval=0.001)
    writer.start()
    # What was written before the start.
    assert written.acquire(timeout=PATIENCE)
    yield writer
    writer.stop()


def rests(written):
    """Whether nothing is written back any more, apart from what was under way."""
    return not all(written.acquire(timeout=0.1) for _ in range(3))


def test_writes_back_again_and_again_while_something_writes(writer, written):
    with writer:
        assert all(written.acquire(timeout=PATIENCE) for _ in range(20))
        with writer:
            pass
        assert all(written.acquire(timeout=PATIENCE) for _ in range(20))


def test_writes_back_what_came_last_and_then_rests(written):
    content, saved = [], []

    def save():
        saved[:] = content
        written.release()

    writer = LazyWriter(save, interval=0.001)
    writer.start()
    with writer:
        assert written.acquire(timeout=PATIENCE)
        content.append("last")
    assert rests(written)
    assert saved == ["last"]
    writer.stop()


def test_stops_although_something_writes(writer, written):
    with writer:
        writer.stop()
        assert rests(written)
