"""Child processes that never outlive the harness and are watched until they end: QEMU, swtpm."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError, MachineError
from powerdown.core.missing_program import missing_program
from powerdown.machine.events import PROCESS_EXIT, EventStream, named

_TAIL_BYTES = 2000
"""How much of standard error is quoted in a message."""

ONLY_UNDER = 'test "$PPID" = "$1" || exit 1; shift; exec "$@"'
"""Runs the command only while its parent is the given one, which may have died before the signal
was set."""


def bound_to_this_thread(command: Sequence[str]) -> list[str]:
    """The command, wrapped to be killed by the kernel when this thread ends (setpriv(1))."""
    guard = ["setpriv", "--pdeathsig", "KILL", "--"]
    return [*guard, "sh", "-c", ONLY_UNDER, "sh", str(os.getpid()), *command]


class BoundProcess:
    """One program, in its own session, with its standard error in a file.

    The kernel sends a parent-death signal when the *thread* that started the process ends, not
    that thread's process (man 2 PR_SET_PDEATHSIG). So the watcher thread, which waits for the
    process, also starts it. Killing the harness in any way kills the program.

    :param command: the command line.
    :param descriptors: file descriptors it inherits, with the same numbers.
    :param stderr: file for its standard error.
    :param ended: called with the exit status when it has ended.
    :param environment: environment variables in addition to the harness's.
    :raise HostError: the program or setpriv is not installed.
    """

    def __init__(
        self,
        command: Sequence[str],
        descriptors: Sequence[int],
        stderr: Path,
        ended: Callable[[int], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        for program in ("setpriv", command[0]):
            if shutil.which(program) is None:
                raise missing_program(program)
        self._command = command
        self._descriptors = descriptors
        self._stderr = stderr
        self._ended = ended
        self._environment = environment or {}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: Exception | None = None
        started = threading.Event()
        threading.Thread(target=self._watch, args=(started,), daemon=True, name=command[0]).start()
        started.wait()
        if self._failure is not None:
            raise HostError(
                f"start {command[0]}", str(self._failure), "Check permissions and free memory."
            )

    @property
    def pid(self) -> int | None:
        """Its process id, or ``None`` once it has ended."""
        with self._lock:
            return None if self._process is None else self._process.pid

    def kill(self) -> None:
        """Send SIGKILL, if it still runs."""
        with self._lock:
            if self._process is not None:
                os.kill(self._process.pid, signal.SIGKILL)

    def stderr_tail(self) -> str:
        """The last lines of its standard error."""
        try:
            with self._stderr.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return file.read(_TAIL_BYTES).decode(errors="replace").strip()
        except OSError:
            return ""

    def _watch(self, started: threading.Event) -> None:
        try:
            process = self._spawn()
        except Exception as error:
            # Any error: the constructor waits for it.
            self._failure = error
            started.set()
            return
        with self._lock:
            self._process = process
        started.set()
        # Leaves a zombie, so that the id is not reused while kill() might still signal it.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            status = process.wait()
            self._process = None
        self._ended(status)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._stderr.open("wb") as stderr:
            return subprocess.Popen(
                bound_to_this_thread(self._command),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                pass_fds=self._descriptors,
                start_new_session=True,
                env={**os.environ, **self._environment},
            )


class QemuProcess(BoundProcess):
    """One QEMU process.

    :param command: the command line.
    :param descriptors: file descriptors QEMU inherits, with the same numbers.
    :param stderr: file for its standard error.
    :param events: takes :data:`PROCESS_EXIT` when it has ended.
    :param drain: called between its end and that event; returns, within a bounded time, when all
        it sent before is in ``events``.
    :raise HostError: the program or setpriv is not installed.
    """

    def __init__(
        self,
        command: Sequence[str],
        descriptors: Sequence[int],
        stderr: Path,
        events: EventStream,
        drain: Callable[[], None],
    ) -> None:
        def ended(status: int) -> None:
            drain()
            events.record(PROCESS_EXIT, {"status": status})

        self._events = events
        super().__init__(command, descriptors, stderr, ended)

    def wait(self, deadline: Deadline) -> int | None:
        """Wait for its end and its events; the exit status, or ``None`` if it still runs."""
        ended = self._events.wait(named(PROCESS_EXIT), deadline)
        status = None if ended is None else ended.data.get("status")
        return status if isinstance(status, int) else None

    def launch_failure(self, status: int | None) -> MachineError:
        """The error for a QEMU that ended or did not answer during its start."""
        actual = "it does not answer" if status is None else f"it ended with status {status}"
        return MachineError(
            "start QEMU",
            f"{actual}; standard error: {self.stderr_tail() or 'empty'}",
            f"The command was: {shlex.join(self._command)}",
        )
