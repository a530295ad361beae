"""A guest whose QEMU the harness did not start, controlled through its QMP socket alone."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from PIL import Image as Picture

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.images.image import Budgets
from powerdown.machine.activity import Activity
from powerdown.machine.events import MONITOR_LOST, PROCESS_EXIT, EventStream, named
from powerdown.machine.external.agent_socket_path import find_agent_socket
from powerdown.machine.external.external_screen import ExternalScreen
from powerdown.machine.external.qmp_socket import QmpAddress, connect_qmp, is_refused
from powerdown.machine.external_process import ExternalProcess, process_behind
from powerdown.machine.monitor import Monitor
from powerdown.machine.monitored import MonitoredMachine
from powerdown.machine.protocol import RunState
from powerdown.machine.relay import Relay

_CONNECT_SECONDS = 5.0
"""QEMU sends its greeting within milliseconds, unless the host is overloaded or another client is
connected."""

_LAST_WORDS_SECONDS = 2.0
"""From QEMU closing its monitor to the end of its process; some 10 ms on a quiet host. With a lot
of memory it takes longer, but then SHUTDOWN has been received."""

_LISTENS_SECONDS = 1.0
"""For checking whether a QEMU that closed its monitor still listens."""

_BETWEEN_SECONDS = 0.05

_CLOSE_SECONDS = 5.0


class ExternalQemu(MonitoredMachine):
    """A QEMU that was already running; a :class:`Machine`.

    The end of QEMU is detected by the end of its connection and recorded as :data:`PROCESS_EXIT`
    without a status, which only its parent knows. If the connection ends while QEMU goes on,
    :data:`MONITOR_LOST` is recorded with ``for_good``: events may have been missed.

    :param address: address of its QMP socket.
    :param budgets: its time limits.
    :param transcript: file for the traffic.
    :raise MachineError: QMP is not available there; the message says what was found.
    :raise OSError: the transcript cannot be written.
    """

    def __init__(self, address: QmpAddress, budgets: Budgets, transcript: Path) -> None:
        self.budgets = budgets
        self._address = address
        self._found_at = now()
        self._paused_by_us = False
        self._closing = False
        self._process: ExternalProcess | None = None
        deadline = Deadline.after(_CONNECT_SECONDS)
        connection = connect_qmp(address, deadline)
        events = EventStream()
        self._relay = Relay(connection)
        try:
            self._monitor = Monitor(self._relay.end, None, events, transcript)
        except BaseException:
            self._relay.close()
            self._relay.end.close()
            raise
        super().__init__(self._monitor, events)
        try:
            self._monitor.connect(deadline)
            threads = self._cpu_threads()
            self.vcpus = max(1, len(threads))
            self.name = self._queried_name() or str(address)
            self._process = process_behind(connection, set(threads))
        except BaseException:
            self._disconnect()
            raise
        passes_fds = address.path is not None
        self._screen = ExternalScreen(self._monitor, passes_fds=passes_fds, local=address.is_local)
        self._watcher = threading.Thread(target=self._watch_end, name="qemu-end", daemon=True)
        self._watcher.start()

    @property
    def started_at(self) -> float:
        """When QEMU was started or, if that is not known, when the harness attached to it; seconds
        on the host-monotonic clock."""
        return self._found_at if self._process is None else self._process.started_at

    @property
    def pid(self) -> int | None:
        """QEMU's process id; ``None`` once it has ended, or where it is not known."""
        return None if self._process is None else self._process.pid

    @property
    def agent_proxy(self) -> None:
        """``None``: the agent's port has a socket of its own."""

    def find_agent_socket(self) -> Path | None:
        """The socket of the agent's port, queried from QEMU."""
        return find_agent_socket(self._monitor, Deadline.after(_CONNECT_SECONDS))

    def activity(self) -> Activity:
        """CPU time and disk traffic of the guest so far, in any run state.

        :raise MachineError: also where QEMU's process is not known.
        """
        if self._process is None:
            raise MachineError(
                "read the guest's CPU activity",
                "QEMU's process on this host is not known",
                "Run on QEMU's own host, with a UNIX socket that QEMU itself listens on.",
            )
        return super().activity()

    def pause(self) -> None:
        """Stop the guest's CPUs; :meth:`close` resumes them if :meth:`resume` was not called."""
        self._paused_by_us = self.run_state() is RunState.RUNNING
        super().pause()

    def resume(self) -> None:
        """Resume the guest's CPUs."""
        super().resume()
        self._paused_by_us = False

    def quit(self, deadline: Deadline) -> None:
        """Cut the power with QMP ``quit``.

        :raise DeadlineExpired: QEMU does not end.
        """
        with contextlib.suppress(MachineError):
            # QEMU may end before it has answered.
            self._monitor.execute("quit", None, deadline)
        self._expect_end(deadline, "quit")

    def kill(self, deadline: Deadline) -> None:
        """Cut the power with SIGKILL to QEMU.

        :raise MachineError: its process is not known, or belongs to another user.
        :raise DeadlineExpired: QEMU does not end.
        """
        if self._process is None:
            raise MachineError("kill QEMU", "its process is not known", "Use QMP quit.")
        self._process.kill()
        self._expect_end(deadline, "SIGKILL")

    def close(self) -> None:
        """Disconnect; the guest runs on as it was found. Never raises, may be called twice."""
        if self._closing:
            return
        self._closing = True
        if self._paused_by_us:
            with contextlib.suppress(MachineError):
                self.resume()
        self._disconnect()
        self._watcher.join(_CLOSE_SECONDS)
        if self._process is not None and not self._watcher.is_alive():
            self._process.close()

    def _take_screen(self, deadline: Deadline) -> Picture.Image:
        return self._screen.take(deadline)

    def _cpu_threads(self) -> list[int]:
        answer = self._execute("query-cpus-fast")
        cpus = answer if isinstance(answer, list) else []
        threads = [cpu.get("thread-id") for cpu in cpus if isinstance(cpu, dict)]
        return [thread for thread in threads if isinstance(thread, int)]

    def _queried_name(self) -> str:
        answer = self._execute("query-name")
        name = answer.get("name") if isinstance(answer, dict) else None
        return name if isinstance(name, str) else ""

    def _disconnect(self) -> None:
        self._monitor.close()
        self._relay.close()
        if self._process is not None:
            self._process.stop_waiting()

    def _watch_end(self) -> None:
        self._monitor.wait_until_lost()
        if self._closing:
            return
        if self._has_ended():
            self._events.record(PROCESS_EXIT)
            return
        if self._closing:
            return
        if self._events.first(named("SHUTDOWN")) is None:
            known = "it goes on" if self._process is not None else "unknown"
            self._events.record(MONITOR_LOST, {"for_good": True, "qemu": known})
        if self._process is not None and self._process.ended(None) and not self._closing:
            self._events.record(PROCESS_EXIT)

    def _has_ended(self) -> bool:
        """Whether the connection has ended because QEMU has."""
        if self._process is not None:
            return self._process.ended(Deadline.after(_LAST_WORDS_SECONDS))
        if self._events.first(named("SHUTDOWN")) is not None:
            return True
        deadline = Deadline.after(_LISTENS_SECONDS)
        while not self._closing:
            # QEMU closes its sockets one after the other as it ends.
            if is_refused(self._address, deadline.at_most(_LISTENS_SECONDS)):
                return True
            if deadline.expired:
                break
            self._events.wait(named(), deadline.at_most(_BETWEEN_SECONDS), record_wait=False)
        return False

    def _expect_end(self, deadline: Deadline, after: str) -> None:
        if self._events.wait(named(PROCESS_EXIT), deadline) is None:
            raise deadline.expire(
                f"QEMU end after {after}",
                "it is still running",
                "Its process may hang in the host's kernel or on a slow disk.",
            )
