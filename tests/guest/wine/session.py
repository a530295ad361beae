"""Wine on a virtual display: a Windows session of the tests' own."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from powerdown.guest.probe_programs import REFUSER
from powerdown.machine.run_directory import RunDirectory

_PACKAGES = "wine wine64 xvfb"
_TOOLS = ("wine", "wineserver", "Xvfb")
_MISSING = [tool for tool in _TOOLS if shutil.which(tool) is None]

WINE_MARKS = [
    pytest.mark.wine,
    pytest.mark.xdist_group("wine"),  # One prefix: making it takes longer than most tests.
    pytest.mark.skipif(
        bool(_MISSING),
        reason=f"no {' and '.join(_MISSING)}: apt-get install --no-install-recommends {_PACKAGES}",
    ),
]
"""What each module that runs Wine sets as its ``pytestmark``."""

DIE_WITH_THE_TESTS = ("setpriv", "--pdeathsig", "KILL", "--")
"""Whatever happens to the tests, what they started ends."""

COMPILER = "x86_64-w64-mingw32-gcc"
PROBES = REFUSER.source.parent
_SOURCES = Path(__file__).parent / "sources"

START_SECONDS = 60.0
STEP_SECONDS = 20.0
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Wine:
    """A Windows session: one prefix, one display."""

    prefix: Path
    environment: Mapping[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [*DIE_WITH_THE_TESTS, "wine", *arguments]

    def start(
        self, *arguments: str, debug: str = "-all", log: IO[bytes] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program; Wine writes what ``debug`` (WINEDEBUG) asks for to ``log``."""
        return subprocess.Popen(
            self.command(*arguments),
            env={**self.environment, "WINEDEBUG": debug},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log if log is not None else subprocess.DEVNULL,
        )

    def run(self, *arguments: str, seconds: float = STEP_SECONDS) -> str:
        """Run a program to its end, which has to be a success; what it printed."""
        code, text = self.result(*arguments, seconds=seconds)
        assert code == 0, f"{arguments} ended with {code}: {text}"
        return text

    def result(self, *arguments: str, seconds: float = STEP_SECONDS) -> tuple[int, str]:
        """Run a program to its end; its exit status and what it printed."""
        # Through a file: programs left behind hold a pipe open, and reading it would not end.
        with tempfile.TemporaryFile() as output:
            code = subprocess.run(
                self.command(*arguments),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            ).returncode
            output.seek(0)
            return code, output.read().decode(errors="replace").replace("\r", "")

    def power_on(self) -> None:
        """Start the server unless it runs. It stays after the last program, but not for long."""
        self._server("-p30")

    def power_cut(self) -> None:
        """End the server and every program of this prefix: none is told or asked anything.

        Not with SIGKILL: the server's clients would never learn that it is gone, and stay.
        """
        self._server("-k")

    def _server(self, option: str) -> None:
        subprocess.run(
            ["wineserver", option],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=STEP_SECONDS,
            check=False,
        )

    def file(self, windows_path: str) -> Path:
        assert windows_path.startswith("C:\\")
        return self.prefix.joinpath("drive_c", *windows_path[3:].split("\\"))

    def read(self, windows_path: str) -> str | None:
        try:
            return self.file(windows_path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def install(self, executable: Path) -> str:
        """The Windows path of an executable, once it is in the prefix."""
        if not (self.prefix / "drive_c" / executable.name).exists():
            shutil.copy(executable, self.prefix / "drive_c")
        return f"C:\\{executable.name}"

    def compile(self, name: str, source: str, *options: str) -> str:
        """The Windows path of one of the tests' own programs, compiled unless it is there."""
        executable = self.prefix / "drive_c" / f"{name}.exe"
        if not executable.exists():
            command = [COMPILER, "-Os", "-s", "-DUNICODE", f"-I{PROBES}", *options]
            subprocess.run(
                [*command, "-o", str(executable), str(_SOURCES / source), "-ladvapi32"],
                check=True,
                timeout=START_SECONDS,
            )
        return f"C:\\{name}.exe"

    @contextlib.contextmanager
    def relayed(self, function: str) -> Iterator[None]:
        """Programs started meanwhile with ``debug="+relay"`` log their calls of one function.

        :param function: library and name, ``user32.ShowWindow``.
        """
        key = r"HKCU\Software\Wine\Debug"
        self.run("reg", "add", key, "/v", "RelayInclude", "/d", function, "/f")
        try:
            yield
        finally:
            self.run("reg", "delete", key, "/v", "RelayInclude", "/f")

    def unix_processes(self, name: str) -> list[int]:
        """The host's process ids of a program of this prefix."""
        mine = f"WINEPREFIX={self.prefix}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (process / "cmdline").read_bytes().split(b"\0")
                if line[0].endswith(name.encode()) and mine in (
                    process / "environ"
                ).read_bytes().split(b"\0"):
                    found.append(int(process.name))
        return found


class Witness:
    """A program that looks at the session from inside; ``sources/witness.c``."""

    def __init__(self, wine: Wine) -> None:
        self._wine = wine
        self._program = wine.compile("witness", "witness.c", "-municode")

    def __call__(self, *question: str) -> list[int]:
        """The numbers it answers with."""
        return [int(number) for number in self._wine.run(self._program, *question).split()]


@contextlib.contextmanager
def virtual_display() -> Iterator[str]:
    """An X server on a display that is free; Windows' windows need one."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [*DIE_WITH_THE_TESTS, "Xvfb", "-displayfd", str(writing), "-nolisten", "tcp"],
        pass_fds=[writing],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as numbers:
            assert select.select([numbers], [], [], STEP_SECONDS)[0], "Xvfb does not start"
            number = numbers.readline().strip()
        assert number, f"Xvfb ended with {server.wait(STEP_SECONDS)}"
        yield f":{number}"
    finally:
        server.terminate()  # SIGTERM lets it remove its lock.
        try:
            server.wait(STEP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextlib.contextmanager
def windows_session() -> Iterator[Wine]:
    """A new prefix, filled and running; gone with everything in it when the block ends."""
    # Not pytest's own directory: it keeps the last three, and a prefix has 700 MB. What a killed
    # run leaves of this one goes with the next run.
    with RunDirectory("wine") as directory, virtual_display() as display:
        root = directory.path
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(root),
            "DISPLAY": display,
            "WINEPREFIX": str(root / "prefix"),
            "WINEDEBUG": "-all",
            # Nothing of .NET, HTML or the host's menus: each would ask or download.
            "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=",
        }
        wine = Wine(root / "prefix", environment)
        wine.prefix.mkdir()
        wine.power_on()
        try:
            # The first program makes Wine fill the prefix. After "wineboot -i", which does no
            # more, the next window took 10 s to appear.
            wine.run("cmd", "/c", "ver", seconds=START_SECONDS)
            yield wine
        finally:
            wine.power_cut()
