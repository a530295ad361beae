"""The lazy writer of the modelled machine."""

from __future__ import annotations

import threading

from standin.lazy_writer import LazyWriter


def test_writes_back_again_and_again_until_it_is_stopped() -> None:
    written = threading.Semaphore(0)
    writer = LazyWriter(written.release, interval=0.001)
    writer.start()
    assert all(written.acquire(timeout=10) for _ in range(3))
    writer.stop()
    while written.acquire(blocking=False):
        pass
    assert not written.acquire(timeout=0.02)
