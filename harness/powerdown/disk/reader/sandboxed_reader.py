"""Reading disks in a process of its own, so that a hostile disk does no damage.

A disk that crashes its reader, blocks it for ever or floods it causes one :class:`DiskError`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import powerdown
from powerdown.core.closeable import Closeable
from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, DiskError, HostError, PowerdownError
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.history.system_log import SystemLog, system_log_from_json
from powerdown.disk.hive.edit_plan import DiskInUse, EditPlan, edits_to_json, plan_from_json
from powerdown.disk.reader.contents_json import (
    contents_from_json,
    request_to_json,
    snapshot_from_json,
)
from powerdown.disk.reader.reader_pipe import HOSTILE, ReaderCrashed, ReaderInternalError, exchange
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.images.image import DiskFormat
from powerdown.windows.registry_edit import RegistryEdit

__all__ = ["DiskReader", "ReaderCrashed", "ReaderInternalError"]

_T = TypeVar("_T")

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from powerdown.disk.reader.reader_process import main; main(int(sys.argv[2]))"
)
_KEPT_VARIABLES = ("PATH", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH")
"""Environment variables passed on. Others may be passwords of guests, and the reader may be
compromised."""

_ERRORS: Mapping[str, type[PowerdownError]] = {
    kind.__name__: kind for kind in (DiskError, DiskInUse, HostError, DeadlineExpired)
}


class DiskReader(Closeable):
    """A process that reads disks; a context manager.

    It starts at once and loads its libraries in the background. It is restarted when it was lost.
    It ends with the thread that created it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def read_disk(
        self,
        path: Path,
        format: DiskFormat | None,
        request: DiskRequest,
        deadline: Deadline,
        *,
        volume: int | None = None,
    ) -> DiskContents:
        """Read the requested data from a disk with Windows on it.

        :param path: the image, or the newest overlay on it; a paused QEMU may have it open.
        :param format: its format; ``None`` to detect it.
        :param volume: number of the volume to read, if there are several with Windows.
        :raise DiskError: no Windows can be read from it, or the reader failed.
        :raise HostError: a library or a tool is missing.
        :raise DeadlineExpired: it took too long.
        """
        question = {
            "read": "disk",
            "path": str(path.absolute()),
            "format": format,
            "request": request_to_json(request),
            "volume": volume,
            "seconds": deadline.remaining,
        }
        return self._ask(path, question, contents_from_json, deadline)

    def read_hive(self, path: Path, request: DiskRequest, deadline: Deadline) -> RegistrySnapshot:
        """Read the requested data from a hive in a file of the host.

        Its transaction logs are the files beside it. Paths are as in the running system if it can
        be determined which hive it is, and otherwise from its root; the notes say which.

        :raise DiskError: it is not a hive, or the reader failed.
        :raise HostError: a library is missing.
        :raise DeadlineExpired: it took too long.
        """
        question = {
            "read": "hive",
            "path": str(path.absolute()),
            "request": request_to_json(request),
        }
        return self._ask(path, question, snapshot_from_json, deadline)

    def read_log(self, path: Path, deadline: Deadline) -> SystemLog:
        """Read an event log in a file of the host.

        :raise DiskError: it is not an event log, or the reader failed.
        :raise HostError: a library is missing.
        :raise DeadlineExpired: it took too long.
        """
        question = {"read": "log", "path": str(path.absolute())}
        return self._ask(path, question, system_log_from_json, deadline)

    def plan_edits(
        self,
        path: Path,
        format: DiskFormat,
        edits: Sequence[RegistryEdit],
        deadline: Deadline,
        *,
        allow_unclean: bool = False,
    ) -> EditPlan:
        """Determine the sectors to write for changes of the registry on a disk.

        :param allow_unclean: plan also for a volume that was not shut down cleanly.
        :raise DiskInUse: the volume was not, and that is not allowed.
        :raise DiskError: the edits cannot be made.
        :raise HostError: a library or a tool is missing.
        :raise DeadlineExpired: it took too long.
        """
        question = {
            "read": "edits",
            "path": str(path.absolute()),
            "format": format,
            "edits": edits_to_json(edits),
            "unclean": allow_unclean,
            "seconds": deadline.remaining,
        }
        return self._ask(path, question, lambda answer: _plan(answer, edits, path), deadline)

    def close(self) -> None:
        """End the process, and qemu-nbd with it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def _start(self) -> subprocess.Popen[bytes]:
        root = Path(powerdown.__file__).parents[1]
        try:
            self._process = subprocess.Popen(
                # -P: import nothing from the current directory; -B: write no bytecode, which its
                # limit would cut off.
                [sys.executable, "-B", "-P", "-c", _START, str(root), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
            )
        except OSError as error:
            actual = error.strerror or str(error)
            raise HostError(
                "start the disk reader", actual, "Check the limit of processes and free memory."
            ) from error
        return self._process

    def _ask(
        self,
        path: Path,
        question: Mapping[str, object],
        read: Callable[[object], _T],
        deadline: Deadline,
    ) -> _T:
        process = self._process
        if process is None or process.poll() is not None:
            self.close()
            process = self._start()
        try:
            answer = exchange(process, json.dumps(question).encode() + b"\n", path, deadline)
            return read(_answer(answer, path))
        except (DeadlineExpired, ReaderCrashed):
            self.close()
            raise
        except BaseException as error:
            # The rest of an answer may be left in the pipe.
            if not isinstance(error, PowerdownError):
                self.close()
            raise


def _plan(answer: object, edits: Sequence[RegistryEdit], path: Path) -> EditPlan:
    try:
        return plan_from_json(answer, edits)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReaderCrashed(
            f"read {path}", "the answer of its reader is malformed", HOSTILE
        ) from error


def _answer(line: bytes, path: Path) -> object:
    """The answer in a line.

    :raise PowerdownError: the error in the line.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ReaderCrashed(
            f"read {path}", "the answer of its reader is malformed", HOSTILE
        ) from error
    if isinstance(message, dict) and "answer" in message:
        return message["answer"]
    if isinstance(message, dict) and isinstance(message.get("error"), list):
        words = message["error"]
        if len(words) == 4 and all(isinstance(word, str) for word in words):
            error_kind = _ERRORS.get(words[0])
            if error_kind is not None:
                raise error_kind(*words[1:])
    if isinstance(message, dict) and isinstance(message.get("internal_error"), str):
        trace = message["internal_error"].strip()
        actual = f"its reader had an internal error: {trace.rpartition(chr(10))[2]}"
        failure = ReaderInternalError(f"read {path}", actual, HOSTILE)
        failure.add_note(trace)
        raise failure
    raise ReaderCrashed(f"read {path}", "the answer of its reader is malformed", HOSTILE)
