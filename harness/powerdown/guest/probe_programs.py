"""The probe programs: small Win32 executables, compiled here, that run in the guest.

They are real programs for real Windows. Each also declares in JSON, in its PE section
``.pdprog``, what it does, for a guest that models Windows and cannot execute x86 code.
Sources and the meaning of the JSON: ``probes/`` beside this module.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from powerdown.core.errors import HostError
from powerdown.core.files import write_atomically

_SOURCES = Path(__file__).parent / "probes"
_COMPILER = "x86_64-w64-mingw32-gcc"
_PACKAGE = "gcc-mingw-w64-x86-64-win32"
_COMPILE_SECONDS = 60.0
"""It takes 0.2 s; a loaded machine may need longer."""

_FLAGS = (
    "-std=c11",
    "-Os",
    "-s",
    "-Wall",
    "-Wextra",
    # No C runtime: nothing beside the system's own libraries has to exist in the guest.
    "-nostdlib",
    "-static",
    "-ffreestanding",
    "-fno-ident",
    "-fno-asynchronous-unwind-tables",
    # The same source gives the same bytes, so caches of guests made with it stay valid.
    "-Wl,--entry=powerdown_probe,--no-insert-timestamp",
)

_BEHAVIOUR_SECTION = ".pdprog"


@dataclass(frozen=True)
class ProbeProgram:
    """One probe program.

    :param name: file name of the executable, and so its process name in the guest.
    :param source: its C source.
    :param libraries: Windows libraries it is linked with.
    :param console: it is a console program, not one with windows of its own.
    """

    name: str
    source: Path
    libraries: tuple[str, ...]
    console: bool = False


def _application(noun: str) -> ProbeProgram:
    return ProbeProgram(
        f"powerdown-{noun}.exe", _SOURCES / f"{noun}.c", ("user32", "shell32", "kernel32")
    )


def _service(noun: str) -> ProbeProgram:
    libraries = ("user32", "shell32", "advapi32", "kernel32")
    return ProbeProgram(f"powerdown-{noun}.exe", _SOURCES / f"{noun}.c", libraries)


DOCUMENT = _application("document")
"""``PATH TEXT``: has unsaved TEXT, saved to PATH when its session ends."""

REFUSER = _application("refuser")
"""Shows a window that refuses the end of the session, without a reason."""

REASONED = _application("reasoned")
"""``TEXT``: shows a window that refuses the end of the session for the reason TEXT."""

HANGER = _application("hanger")
"""Shows a window that hangs when it is asked whether the session may end."""

LINGERER = _application("lingerer")
"""``MS``: agrees to the end of the session and takes that long over it."""

HIDDEN = _application("hidden")
"""Refuses the end of the session through a window that is not shown."""

CONSOLE = ProbeProgram(
    name="powerdown-console.exe",
    source=_SOURCES / "console.c",
    # With user32 it would not count as a console program (learn: SetConsoleCtrlHandler).
    libraries=("kernel32",),
    console=True,
)
"""Hangs when its console is closed."""

UPDATER = _service("updater")
"""``DIRECTORY VERSION COMPONENTS DELAY_MS``: installs an update file by file."""

STUBBORN = _service("stubborn")
"""Accepts STOP and SHUTDOWN and goes on running."""

HOLDER = _service("holder")
"""``TIMEOUT_MS WORK_MS``: sets its preshutdown timeout and works that long at PRESHUTDOWN."""

ABORTER = _service("aborter")
"""Aborts every shutdown that counts down."""

SPINNER = _service("spinner")
"""Takes all processors once it runs, at the highest priority."""

PROBE_PROGRAMS = (
    DOCUMENT,
    REFUSER,
    REASONED,
    HANGER,
    LINGERER,
    HIDDEN,
    CONSOLE,
    UPDATER,
    STUBBORN,
    HOLDER,
    ABORTER,
    SPINNER,
)
"""All of them."""


def compile_probe(program: ProbeProgram, cache_directory: Path) -> Path:
    """The executable of a probe program, compiled unless the cache holds it.

    The cache key is everything that decides the program's behaviour: its source, the headers
    beside it, flags and libraries. An executable appears in the cache complete or not at all,
    so several processes may ask at once.

    :raise HostError: there is no cross compiler, or it failed; the message has its last words.
    """
    executable = cache_directory / _key(program) / program.name
    if executable.is_file():
        return executable
    executable.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="powerdown-compiling-") as scratch:
        fresh = Path(scratch) / program.name
        _compile(program, fresh)
        write_atomically(executable, fresh.read_bytes(), mode=0o755)
    return executable


def declared_behaviour(executable: Path) -> dict[str, Any]:
    """The JSON object in the executable's section ``.pdprog``.

    :raise HostError: the file is no PE executable, or declares no behaviour.
    """
    image = executable.read_bytes()
    try:
        (pe,) = struct.unpack_from("<I", image, 0x3C)
        signature, sections, optional_size = struct.unpack_from("<4s2xH12xH", image, pe)
        if image[:2] != b"MZ" or signature != b"PE\0\0":
            raise ValueError("it is not a PE executable")
        for number in range(sections):
            name, size, start = struct.unpack_from(
                "<8s8xII", image, pe + 24 + optional_size + 40 * number
            )
            if name.rstrip(b"\0") == _BEHAVIOUR_SECTION.encode():
                behaviour = json.loads(image[start : start + size].rstrip(b"\0"))
                if not isinstance(behaviour, dict):
                    raise ValueError(f"section {_BEHAVIOUR_SECTION} holds no JSON object")
                return behaviour
    except (struct.error, ValueError) as error:
        raise _no_behaviour(executable, str(error)) from error
    raise _no_behaviour(executable, f"it has no section {_BEHAVIOUR_SECTION}")


def _no_behaviour(executable: Path, actual: str) -> HostError:
    return HostError(
        f"read what {executable} does", actual, "Use an executable made by compile_probe()."
    )


def _key(program: ProbeProgram) -> str:
    decided = (_COMPILER, _FLAGS, program.name, program.libraries, program.console)
    digest = hashlib.sha256(repr(decided).encode())
    for file in (program.source, *sorted(program.source.parent.glob("*.h"))):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _compile(program: ProbeProgram, executable: Path) -> None:
    doing = f"compile the probe program {program.name}"
    if shutil.which(_COMPILER) is None:
        raise HostError(
            doing,
            f"there is no {_COMPILER} on this host",
            f"Install the cross compiler: apt-get install {_PACKAGE}",
        )
    libraries = [f"-l{library}" for library in program.libraries]
    subsystem = "-mconsole" if program.console else "-mwindows"
    command = [_COMPILER, *_FLAGS, subsystem, "-o", str(executable), str(program.source)]
    command += libraries
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMPILE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HostError(
            doing,
            f"{_COMPILER} did not end within {_COMPILE_SECONDS:.0f} s",
            "Is this host overloaded or its disk full?",
        ) from error
    if result.returncode != 0:
        raise HostError(
            doing,
            f"{_COMPILER} ended with {result.returncode}: {result.stderr.strip()[-2000:]}",
            f"Reinstall {_PACKAGE}; if it is intact, the source has a mistake.",
        )
