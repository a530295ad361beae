"""A guest whose QEMU somebody else has started, reached through nothing but its QMP socket."""

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
"""QEMU greets within milliseconds, unless the host is overloaded or another client has it."""

_LAST_WORDS_SECONDS = 2.0
"""From QEMU's closing of its monitor to the end of its process; some 10 ms on a quiet host. One
with a lot of memory takes longer, but it has said why it ends."""

_LISTENS_SECONDS = 1.0
"""For seeing whether a QEMU that closed its monitor still listens."""

_BETWEEN_SECONDS = 0.05

_CLOSE_SECONDS = 5.0


class ExternalQemu(MonitoredMachine):
    """A QEMU that was found running; a :class:`Machine`.

    QEMU's end is seen as the end of its connection: :data:`PROCESS_EXIT` without a status, which
    only its parent knows. A connection that ends while QEMU goes on gives :data:`MONITOR_LOST`
    with ``for_good``: there is no way back to what was missed.

    :param address: where its QMP is.
    :param budgets: how long it may take.
    :param transcript: file for the traffic.
    :raise MachineError: there is no QMP to be had there; says what is.
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
            self.name = self._own_name() or str(address)
            self._process = process_behind(connection, set(threads))
        except BaseException:
            self._let_go()
            raise
        lends = address.path is not None
        self._screen = ExternalScreen(self._monitor, lends=lends, local=address.is_local)
        self._watcher = threading.Thread(target=self._watch_end, name="qemu-end", daemon=True)
        self._watcher.start()

    @property
    def started_at(self) -> float:
        """When QEMU was started, on the host-monotonic clock; when it was found, where that is not
        known."""
        return self._found_at if self._process is None else self._process.started_at

    @property
    def pid(self) -> int | None:
        """QEMU's process id; ``None`` once it has ended, or where it is not known."""
        return None if self._process is None else self._process.pid

    @property
    def ask_agent(self) -> None:
        """Its port has a socket of its own."""

    def find_agent_socket(self) -> Path | None:
        """Where the host's end of the agent's port is, as QEMU tells."""
        return find_agent_socket(self._monitor, Deadline.after(_CONNECT_SECONDS))

    def activity(self) -> Activity:
        """What its CPUs and its disks have done so far, in any run state.

        :raise MachineError: besides, where QEMU's process is not known.
        """
        if self._process is None:
            raise MachineError(
                "see what its CPUs do",
                "which process of this host it is, if any, is not known",
                "Run on QEMU's own host, with a UNIX socket that QEMU itself listens on.",
            )
        return super().activity()

    def pause(self) -> None:
        """Stop the guest's CPUs; if it is not let go on before, :meth:`close` does."""
        self._paused_by_us = self.run_state() is RunState.RUNNING
        super().pause()

    def resume(self) -> None:
        """Let the guest's CPUs go on."""
        super().resume()
        self._paused_by_us = False

    def quit(self, deadline: Deadline) -> None:
        """Cut the power with QMP ``quit``.

        :raise DeadlineExpired: QEMU goes on.
        """
        with contextlib.suppress(MachineError):
            # The answer may be cut off by the very end it brings.
            self._monitor.execute("quit", None, deadline)
        self._expect_end(deadline, "quit")

    def kill(self, deadline: Deadline) -> None:
        """Cut the power with SIGKILL to QEMU.

        :raise MachineError: its process is not known, or belongs to somebody else.
        :raise DeadlineExpired: QEMU goes on.
        """
        if self._process is None:
            raise MachineError("kill QEMU", "its process is not known", "Use QMP quit.")
        self._process.kill()
        self._expect_end(deadline, "SIGKILL")

    def close(self) -> None:
        """Let go of it: the guest goes on as it was found; never raises, may be called twice."""
        if self._closing:
            return
        self._closing = True
        if self._paused_by_us:
            with contextlib.suppress(MachineError):
                self.resume()
        self._let_go()
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

    def _own_name(self) -> str:
        answer = self._execute("query-name")
        name = answer.get("name") if isinstance(answer, dict) else None
        return name if isinstance(name, str) else ""

    def _let_go(self) -> None:
        self._monitor.close()
        self._relay.close()
        if self._process is not None:
            self._process.give_up()

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
        """Whether QEMU's end is why the connection has ended."""
        if self._process is not None:
            return self._process.ended(Deadline.after(_LAST_WORDS_SECONDS))
        if self._events.first(named("SHUTDOWN")) is not None:
            return True
        deadline = Deadline.after(_LISTENS_SECONDS)
        while not self._closing:
            # A QEMU that ends closes its sockets one after the other.
            if is_refused(self._address, deadline.at_most(_LISTENS_SECONDS)):
                return True
            if deadline.expired:
                break
            self._events.wait(named(), deadline.at_most(_BETWEEN_SECONDS), told=False)
        return False

    def _expect_end(self, deadline: Deadline, after: str) -> None:
        if self._events.wait(named(PROCESS_EXIT), deadline) is None:
            raise deadline.expire(
                f"QEMU end after {after}",
                "it goes on",
                "Its process may hang in the host's kernel or on a slow disk.",
            )
