"""One question to the process that reads disks, and its answer, whatever it does meanwhile."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError, PowerdownError

MOST_ANSWER_BYTES = 64 << 20
"""Far more than any registry or log that is asked for has to tell; what a reader that was taken
over may cost here in memory is some thirty times as much."""
_PIECE_BYTES = 1 << 20
_MOST_COMPLAINT = 2000
HOSTILE = "The disk is damaged, or made to harm its reader; it did no harm."


class ReaderInternalError(DiskError):
    """The reader met what it does not expect; what it reads is damaged, or there is a bug in it."""


class ReaderCrashed(DiskError):
    """The reader was killed by a signal or gave up."""


def exchange(
    process: subprocess.Popen[bytes], question: bytes, path: Path, deadline: Deadline
) -> bytes:
    """Send a line, and have the line that comes back.

    :param path: what is read, for messages.
    :raise ReaderCrashed: the process ended, or says too much.
    :raise DeadlineExpired: it said nothing in time.
    """
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise TypeError("a process without pipes")
    answer, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe in (stdout, stderr):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ)
        os.set_blocking(stdin.fileno(), False)
        selector.register(stdin, selectors.EVENT_WRITE)
        while not answer.endswith(b"\n"):
            ready = selector.select(deadline.remaining)
            if not ready:
                raise deadline.expire(
                    f"what is on {path}",
                    "its reader was still at it",
                    "Allow more time; a damaged disk can hold a reader for ever.",
                )
            for key, _ in ready:
                if key.fileobj is stdin:
                    question = question[_write(stdin.fileno(), question) :]
                    if not question:
                        selector.unregister(stdin)
                    continue
                piece = _read(key.fd)
                if piece:
                    (answer if key.fileobj is stdout else complaint).extend(piece)
                    del complaint[:-_MOST_COMPLAINT]
                elif key.fileobj is stdout:
                    raise _lost(process, path, bytes(complaint), deadline)
                else:
                    selector.unregister(stderr)
            if len(answer) > MOST_ANSWER_BYTES:
                raise ReaderCrashed(
                    f"read {path}", "its reader says more than is read of a disk", HOSTILE
                )
    return bytes(answer)


def _write(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        # Why it ended is to be had from its other pipes.
        return len(data)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, _PIECE_BYTES)
    except BlockingIOError:
        return b""


def _lost(
    process: subprocess.Popen[bytes], path: Path, complaint: bytes, deadline: Deadline
) -> PowerdownError:
    try:
        status = process.wait(deadline.remaining)
    except subprocess.TimeoutExpired:
        status = 0
    if status < 0:
        how = f"its reader was ended by {signal.Signals(-status).name}"
        return ReaderCrashed(f"read {path}", how, HOSTILE)
    words = complaint.decode(errors="replace").strip().rpartition("\n")[2]
    return ReaderCrashed(f"read {path}", f"its reader ended, saying {words!r}", HOSTILE)
