"""Workers of a run on a host whose idle time follows from the guests that spin.

Run as a program: ``contenders.py DIRECTORY CORES WAY COUNT``, with a WAY of :data:`WAYS`. It says
``in`` and ``out`` for each guest and goes on when it is sent a line.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from powerdown.core.deadline import Deadline, now
from powerdown.host.admission.admission import Admission, Slot
from powerdown.host.admission.guest_cost import CostRecords, GuestKind
from powerdown.host.admission.host_resources import CpuReading
from powerdown.host.admission.slot_file import ProcessName
from tests.support.fake_kernel import ScriptedHost

KIND = GuestKind("contended", 64, 1, "tcg", "clone")
SECONDS = 60.0


class SharedHost(ScriptedHost):
    """What is idle is what the guests with a file in a directory leave of the cores."""

    def __init__(self, directory: Path, cores: float) -> None:
        super().__init__(cores)
        self._spinning = directory / "spinning"
        self._spinning.mkdir(exist_ok=True)
        self._since, self._idle_seconds = now(), 0.0

    def read_cpu(self) -> CpuReading:
        at = now()
        marks = list(self._spinning.iterdir())
        busy = sum(ProcessName.of(int(mark.name)) is not None for mark in marks)
        self._idle_seconds += max(0.0, self.cores() - busy) * (at - self._since)
        self._since = at
        return CpuReading(at, self._idle_seconds)


class Contender:
    """One worker."""

    def __init__(self, directory: Path, cores: float) -> None:
        self._directory = directory
        self.admission = Admission(
            directory / "admission", CostRecords(directory / "costs"), SharedHost(directory, cores)
        )

    def guest(self, *, spins: bool) -> None:
        """One guest: a process that lives until this worker is told to go on."""
        with (
            self.admission.admit(KIND, Deadline.after(SECONDS)) as slot,
            subprocess.Popen(["cat"], stdin=subprocess.PIPE) as qemu,
        ):
            mark = self._directory / "spinning" / str(qemu.pid)
            if spins:
                mark.touch()
            self._live(slot, qemu.pid)
            mark.unlink(missing_ok=True)

    def _live(self, slot: Slot, pid: int) -> None:
        slot.started(pid)
        slot.ready()
        _say(slot.note or "in")
        sys.stdin.readline()
        _say("out")


def _say(line: str) -> None:
    # In one piece, which print does not promise.
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


WAYS = {"spins": True, "sleeps": False}


if __name__ == "__main__":
    contender = Contender(Path(sys.argv[1]), float(sys.argv[2]))
    for _ in range(int(sys.argv[4])):
        contender.guest(spins=WAYS[sys.argv[3]])
