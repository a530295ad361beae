"""One probe service in the database of Wine's service control manager."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.guest.probe_programs import declared_behaviour
from tests.guest.wine.session import STEP_SECONDS, Wine, Witness

SERVICE_STOPPED, SERVICE_STOP_PENDING, SERVICE_RUNNING = 1, 3, 4  # SERVICE_STATUS (winsvc.h)
STOP, INTERROGATE, SHUTDOWN, PRESHUTDOWN = 1, 4, 5, 15  # SERVICE_CONTROL_* (winsvc.h)
ACCEPTED = {"stop": 0x1, "shutdown": 0x4, "preshutdown": 0x100}  # SERVICE_ACCEPT_* (winsvc.h)


def accepted(behaviour: dict[str, list[str]]) -> int:
    """The controls that a service accepts, by its declaration."""
    return sum(ACCEPTED[name] for name in behaviour["accepts"])


class Service:
    """A service whose program is a probe."""

    def __init__(
        self, wine: Wine, witness: Witness, executable: Path, name: str, arguments: Sequence[str]
    ) -> None:
        self.wine = wine
        self.name = name
        self.arguments = arguments
        self.behaviour = declared_behaviour(executable)
        self.program = executable.name
        self._witness = witness
        command_line = " ".join([wine.install(executable), *arguments])
        wine.run("sc", "create", name, "binPath=", command_line, "start=", "demand")

    def start(self) -> None:
        self.wine.run("sc", "start", self.name)

    def stop(self) -> None:
        """Send STOP; the manager does not wait for what becomes of it."""
        self.wine.run("sc", "stop", self.name)

    def status(self) -> tuple[int, int]:
        """State and accepted controls."""
        state, controls = self._witness("service", self.name)
        return state, controls

    def wait_for_state(self, state: int) -> None:
        deadline = Deadline.after(STEP_SECONDS)
        while (status := self.status())[0] != state:
            assert not deadline.expired, f"{self.name} is in state {status[0]}, not {state}"

    def preshutdown_timeout(self) -> int:
        key = rf"HKLM\SYSTEM\CurrentControlSet\Services\{self.name}"
        shown = self.wine.run("reg", "query", key, "/v", "PreshutdownTimeout")
        match = re.search(r"PreshutdownTimeout\s+REG_DWORD\s+(0x[0-9a-f]+)", shown)
        assert match, shown
        return int(match[1], 16)

    def unix_processes(self) -> list[int]:
        return self.wine.unix_processes(self.program)

    def kill(self) -> None:
        for process in self.unix_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
