"""Processes that tests stop, or see the end of."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from powerdown.core.deadline import Deadline


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does nothing while the block runs."""
    # It may end meanwhile.
    process = os.pidfd_open(pid)
    signal.pidfd_send_signal(process, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGCONT)
        os.close(process)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone(pid: int) -> bool:
    limit = Deadline.after(10)
    while not limit.expired:
        try:
            # Nobody waits for an orphan here: a dead one may stay.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
    return False
