"""The process of a QEMU that somebody else has started."""

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
"""Of the fields of /proc/PID/stat behind the name of the program (proc(5): starttime)."""


class ExternalProcess:
    """A process that is not the harness's own, watched to its end.

    :param pid: its id.
    :raise OSError: there is none, or it may not be looked at.
    :ivar started_at: when it started, on the host-monotonic clock.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        # Names this process for ever; ids are used again.
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
        """Whether it ends before the deadline, or the watch is given up.

        :param deadline: ``None`` to wait for either.
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

        :raise MachineError: it belongs to somebody else.
        """
        try:
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError as error:
            raise MachineError(
                "kill QEMU", f"process {self._pid} belongs to somebody else", "Do it as root."
            ) from error

    def give_up(self) -> None:
        """Let nobody wait for its end any more; it goes on."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Forget it; nobody may wait for its end any more."""
        self._close_all()

    def _close_all(self) -> None:
        for descriptor in (self._descriptor, self._wake):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._descriptor = self._wake = -1


def process_behind(connection: socket.socket, threads: Collection[int]) -> ExternalProcess | None:
    """The process at the other end of a UNIX socket, if these threads are its own.

    The kernel names the process that began to listen there (unix(7), SO_PEERCRED). That may have
    been another one which handed the socket on, as libvirt does; and QEMU numbers its threads as
    its own PID namespace does. Where both agree it is QEMU, and its numbers are valid here.

    :param threads: ids of the threads of its virtual CPUs, as QEMU tells them.
    :return: ``None`` where it is not known.
    """
    if connection.family != socket.AF_UNIX or not threads:
        return None
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, _, _ = _CREDENTIALS.unpack(told)
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
    """When a process started, from its ticks since the host's boot."""
    told = (_PROC / str(pid) / "stat").read_text()
    ticks = int(told.rpartition(")")[2].split()[_START_TIME])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return now() - age
