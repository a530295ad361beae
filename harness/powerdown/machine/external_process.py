"""The process of a QEMU that the harness did not start."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Collection
from pathlib import Path

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError

_PROC = Path("/proc")
_CREDENTIALS = struct.Struct("3i")
_START_TIME = 22 - 3
"""Index among the fields of /proc/PID/stat after the name of the program (proc(5): starttime)."""


class ExternalProcess:
    """A process that is not a child of the harness, watched until it ends.

    :param pid: its id.
    :raise OSError: there is no such process, or access is denied.
    :ivar started_at: when it started, on the host-monotonic clock.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        # Always refers to this process, while ids are reused.
        self._descriptor = os.pidfd_open(pid)
        self._wake = os.eventfd(0)
        try:
            self.started_at = _started_at(pid)
        except BaseException:
            self._close_all()
            raise

    @property
    def pid(self) -> int | None:
        """Its id, or ``None`` once it has ended."""
        return None if self.ended(Deadline.after(0.0)) else self._pid

    def ended(self, deadline: Deadline | None) -> bool:
        """Wait for its end until the deadline or :meth:`stop_waiting`; whether it has ended.

        :param deadline: ``None`` for no limit.
        """
        if self._descriptor < 0:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        ready = poll.poll(None if deadline is None else deadline.remaining * 1000)
        return any(descriptor == self._descriptor for descriptor, _ in ready)

    def kill(self) -> None:
        """Send SIGKILL.

        :raise MachineError: it belongs to another user.
        """
        try:
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise MachineError(
                "kill QEMU", f"process {self._pid} belongs to another user", "Run as root."
            ) from error

    def stop_waiting(self) -> None:
        """Make :meth:`ended` return in every thread; the process is not affected."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Release the process; no thread may be in :meth:`ended`."""
        self._close_all()

    def _close_all(self) -> None:
        for descriptor in (self._descriptor, self._wake):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._descriptor = self._wake = -1


def process_behind(connection: socket.socket, threads: Collection[int]) -> ExternalProcess | None:
    """The process at the other end of a UNIX socket, if the given threads are its own.

    The kernel reports the process that called listen() (unix(7), SO_PEERCRED). That may be another
    one which passed the socket to QEMU, as libvirt does; and the thread ids QEMU reports are those
    of its own PID namespace. If the two match, the process is QEMU and the ids are valid here.

    :param threads: ids of the threads of the virtual CPUs, as QEMU reports them.
    :return: ``None`` where it is not known.
    """
    if connection.family != socket.AF_UNIX or not threads:
        return None
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, _, _ = _CREDENTIALS.unpack(credentials)
    if pid <= 0:
        return None
    try:
        process = ExternalProcess(pid)
    except (OSError, ValueError, IndexError):
        return None
    if all((_PROC / str(pid) / "task" / str(thread)).exists() for thread in threads):
        return process
    process.close()
    return None


def _started_at(pid: int) -> float:
    """When a process started; the kernel counts ticks since the host's boot."""
    fields = (_PROC / str(pid) / "stat").read_text()
    ticks = int(fields.rpartition(")")[2].split()[_START_TIME])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return now() - age
