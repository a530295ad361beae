"""A directory with images of tiny guests and suites of a user, where pytest is really run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from powerdown.host.snapshots.template_store import TemplateStore
from powerdown.images.image import Start
from powerdown.report.gate_result import GateResult
from powerdown.report.scenario_record import ScenarioRecord
from tests.support.boot_sector import boot_image

RUN_SECONDS = 60
"""Time for one run of pytest on tiny guests; 1 s alone, 3 s with two workers."""

HEAD = """
import os, signal, time
from pathlib import Path
import pytest
from powerdown import Cause, Command, Expected, Outcome

COMPLETED = Expected(Outcome.COMPLETED, Cause.NONE)
FORCED = Expected(Outcome.FORCED_OFF, Cause.FORCED_SHUTDOWN)
"""

_DEFINITION = """
name = "{name}"
description = "{name} of 512 bytes"
[disk]
{disk}
format = "raw"
[machine]
type = "pc"
firmware = "bios"
memory_mib = 32
vcpus = 1
nic = "e1000"
start = "{start}"
[control]
transport = "none"
[budgets]
boot = 20
reaction = 0.3
shutdown_soft = 1
shutdown_hard = 1
settle = 0.01
"""


class GateDirectory:
    """A place to run the gate in, apart from this checkout and from every other run.

    :param path: a new directory.
    :param suite: test functions; what they need is imported for them.
    """

    def __init__(self, path: Path, suite: str) -> None:
        self.path = path
        self.temporary = path / "temporary"
        self.temporary.mkdir()
        (path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
        (path / "test_suite.py").write_text(HEAD + suite)

    def image(self, name: str, code: bytes, file: str = "", *, start: Start = Start.COLD) -> Path:
        """A definition in ``FILE.toml``, by default as the image is named, and its disk."""
        disks = self.path / name
        disks.mkdir()
        disk = boot_image(disks, code).disk.path
        return self._define(name, f'path = "{disk}"', file, start)

    def unbuildable(self, name: str) -> Path:
        """An image whose build fails, after adding a line to the file ``built``."""
        build = self.path / "build"
        build.write_text("#!/bin/sh\necho >> built\necho mmdebstrap is missing >&2\nexit 2\n")
        build.chmod(0o755)
        return self._define(name, 'build = "build"')

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run pytest to its end; standard error goes with standard output."""
        return subprocess.run(
            self._command(arguments),
            cwd=self.path,
            env=self.environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start pytest in a process group of its own, with its output in the file ``output``."""
        with (self.path / "output").open("wb") as output:
            return subprocess.Popen(
                self._command(arguments),
                cwd=self.path,
                env=self.environment({}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What a started run has printed."""
        return (self.path / "output").read_text()

    def gate(self, reports: str = "reports") -> GateResult:
        """The result as the run has written it."""
        return GateResult.read(self.path / reports / "gate.json")

    def records(self) -> dict[str, ScenarioRecord]:
        """The records of a run on one image, by the names of their variants."""
        return {record.variant: record for record in self.gate().scenarios}

    def qemus(self) -> list[int]:
        """Process ids of the guests of this directory's runs: their disks lie in it."""
        needle = os.fsencode(self.temporary)
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if needle in command and command.startswith(b"qemu-system"):
                found.append(int(process.name))
        return found

    def leftovers(self) -> list[str]:
        """Run directories that were not removed."""
        return [path.name for path in self.temporary.glob("powerdown-*")]

    def templates(self) -> TemplateStore:
        """The templates that runs here have made."""
        return TemplateStore(self.path / "cache" / "powerdown")

    def _define(self, name: str, disk: str, file: str = "", start: Start = Start.COLD) -> Path:
        definition = self.path / f"{file or name}.toml"
        definition.write_text(_DEFINITION.format(name=name, disk=disk, start=start))
        return definition

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            *arguments,
        ]

    def environment(self, changes: Mapping[str, str]) -> dict[str, str]:
        """What every process run here is given."""
        # This test may itself run in a worker of xdist, with options of its own.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        ours = {
            "POWERDOWN_ACCEL": "tcg",
            "TMPDIR": str(self.temporary),
            "XDG_CACHE_HOME": str(self.path / "cache"),
            "COLUMNS": "200",
        }
        return {**inherited, **ours, **changes}
