"""A service control manager of the tests' own, which can send what Wine's does not.

Wine 8.0 and 10.0 refuse control 0x0F (PRESHUTDOWN) in ``ControlService``, never send it
themselves, and end a session without telling services. So the real code of a probe service runs
against a substitute here: ``sources/control_manager.c``.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Sequence

from powerdown.core.deadline import Deadline
from powerdown.guest.probe_programs import ProbeProgram
from tests.guest.wine.service import SERVICE_RUNNING
from tests.guest.wine.session import STEP_SECONDS, Wine

Line = tuple[str, *tuple[int, ...]]


class ControlManager:
    """One service and its manager, in one process.

    :ivar lines: what was read so far; see the program's source.
    """

    def __init__(self, wine: Wine, program: ProbeProgram, arguments: Sequence[str] = ()) -> None:
        source = program.source
        path = wine.compile(
            f"manager-of-{source.stem}", "control_manager.c", f'-DPROBE="{source.name}"'
        )
        self._process = subprocess.Popen(
            wine.command(path, *arguments),
            env=wine.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._read = b""
        self.lines: list[Line] = []
        self.wait_for_state(SERVICE_RUNNING)

    def send(self, control: int) -> int:
        """Send a control; what the service's handler returned."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % control)
        self._process.stdin.flush()
        return self.wait_for("answer")[1]  # type: ignore[misc]

    def wait_for_state(self, state: int) -> None:
        while not (seen := self.statuses()) or seen[-1][0] != state:
            self._next()

    def wait_for(self, kind: str) -> Line:
        """The next line of this kind; those before it are in :attr:`lines`."""
        while (line := self._next())[0] != kind:
            pass
        return line

    def statuses(self) -> list[tuple[int, ...]]:
        return [line[1:] for line in self.lines if line[0] == "status"]

    def kill(self) -> None:
        with self._process:
            self._process.kill()

    def _next(self) -> Line:
        assert self._process.stdout is not None
        deadline = Deadline.after(STEP_SECONDS)
        while b"\n" not in self._read:
            ready, _, _ = select.select([self._process.stdout], [], [], deadline.remaining)
            assert ready, f"nothing more after {self.lines}"
            new = os.read(self._process.stdout.fileno(), 4096)
            assert new, f"it ended after {self.lines}"
            self._read += new
        text, self._read = self._read.split(b"\n", 1)
        kind, *numbers = text.decode().split()
        self.lines.append((kind, *map(int, numbers)))
        return self.lines[-1]
