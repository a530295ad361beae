"""One request to the disk reader's process and its answer, whatever that process does."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError, PowerdownError

MOST_ANSWER_BYTES = 64 << 20
"""Far more than any registry or log needs; a compromised reader can make the harness use some 30
times as much memory."""
_PIECE_BYTES = 1 << 20
_MOST_ERRORS = 2000
HOSTILE = "The disk is damaged, or crafted to attack its reader; the attack was contained."


class ReaderInternalError(DiskError):
    """The reader met an unexpected error: the disk is damaged, or the reader has a bug."""


class ReaderCrashed(DiskError):
    """The reader was killed by a signal, ended, or gave a malformed answer."""


def exchange(
    process: subprocess.Popen[bytes], question: bytes, path: Path, deadline: Deadline
) -> bytes:
    """Send a line and receive a line.

    :param path: the disk or file, for messages.
    :raise ReaderCrashed: the process ended, or its answer is too long.
    :raise DeadlineExpired: there was no answer in time.
    """
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise TypeError("a process without pipes")
    answer, errors = bytearray(), bytearray()
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
                    f"the content of {path}",
                    "its reader had not finished",
                    "The disk is slow, or damaged so that reading it never ends.",
                )
            for key, _ in ready:
                if key.fileobj is stdin:
                    question = question[_write(stdin.fileno(), question) :]
                    if not question:
                        selector.unregister(stdin)
                    continue
                piece = _read(key.fd)
                if piece:
                    (answer if key.fileobj is stdout else errors).extend(piece)
                    del errors[:-_MOST_ERRORS]
                elif key.fileobj is stdout:
                    raise _lost(process, path, bytes(errors), deadline)
                else:
                    selector.unregister(stderr)
            if len(answer) > MOST_ANSWER_BYTES:
                raise ReaderCrashed(f"read {path}", "the answer of its reader is too long", HOSTILE)
    return bytes(answer)


def _write(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        # The other pipes show why it ended.
        return len(data)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, _PIECE_BYTES)
    except BlockingIOError:
        return b""


def _lost(
    process: subprocess.Popen[bytes], path: Path, errors: bytes, deadline: Deadline
) -> PowerdownError:
    try:
        status = process.wait(deadline.remaining)
    except subprocess.TimeoutExpired:
        status = 0
    if status < 0:
        how = f"its reader was killed by {signal.Signals(-status).name}"
        return ReaderCrashed(f"read {path}", how, HOSTILE)
    message = errors.decode(errors="replace").strip().rpartition("\n")[2]
    return ReaderCrashed(f"read {path}", f"its reader ended with the message {message!r}", HOSTILE)
