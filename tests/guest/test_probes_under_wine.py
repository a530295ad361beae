"""The probe programs run for real, under Wine, and do what their ``.pdprog`` declares.

The one oracle is :func:`writes`: it interprets the declared JSON, and what the programs really
wrote is compared with it.

What Wine 8.0 and 10.0 do not do, so what is not seen here: send PRESHUTDOWN. Ending the session
leaves services running, and ``ControlService`` refuses control 0x0F. The updater's real code for
it runs under Wine against a service control manager of the test's own instead.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.deadline import Deadline
from harness.guest.probe_programs import (
    DOCUMENT,
    UPDATER,
    compile_probe,
    declared_behaviour,
)
from harness.machine.run_directory import RunDirectory

PACKAGES = "wine wine64 xvfb"
TOOLS = ("wine", "wineserver", "Xvfb")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]

pytestmark = [
    pytest.mark.wine,
    pytest.mark.xdist_group("wine"),
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"no {' and '.join(MISSING)}: apt-get install --no-install-recommends {PACKAGES}",
    ),
]

DIE_WITH_THE_TESTS = ("setpriv", "--pdeathsig", "KILL", "--")
"""Whatever happens to the tests, what they started ends."""

COMPILER = "x86_64-w64-mingw32-gcc"

START_SECONDS = 60.0
STEP_SECONDS = 20.0
POLL_SECONDS = 0.01

SERVICE_RUNNING, SERVICE_STOP_PENDING, SERVICE_STOPPED = 4, 3, 1
ACCEPTED_CONTROL = {"stop": 0x1, "preshutdown": 0x100}  # SERVICE_ACCEPT_* (winsvc.h)

WITNESS = r"""
#include <windows.h>
#include <stdio.h>
#include <wchar.h>

static HWND visible_window(const wchar_t *title)
{
    for (int i = 0; i < 1500; i++) {
        HWND window = FindWindowW(NULL, title);
        if (window && IsWindowVisible(window))
            return window;
        Sleep(10);
    }
    printf("no visible window\n");
    ExitProcess(1);
}

int wmain(int count, wchar_t **argument)
{
    if (!wcscmp(argument[1], L"window")) {
        visible_window(argument[2]);
    } else if (!wcscmp(argument[1], L"refused-end")) { /* Somebody else refused. */
        HWND window = visible_window(argument[2]);
        printf("%d\n", (int)SendMessageW(window, WM_QUERYENDSESSION, 0, 0));
        SendMessageW(window, WM_ENDSESSION, FALSE, 0);
    } else {
        SERVICE_STATUS status = {0};
        SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
        SC_HANDLE service = OpenServiceW(manager, argument[2], SERVICE_ALL_ACCESS);
        QueryServiceStatus(service, &status);
        printf("%lu %lu\n", status.dwCurrentState, status.dwControlsAccepted);
    }
    return 0;
}
"""

OWN_CONTROL_MANAGER = r"""
#define _WIN32_WINNT 0x0601
#include "probe.h"
#include <stdio.h>

/* A service control manager that sends PRESHUTDOWN once component-1.txt is there
   and prints every status: state, checkpoint, accepted controls. */

static LPHANDLER_FUNCTION_EX handler;
static HANDLE running, stopped;

static SERVICE_STATUS_HANDLE WINAPI register_handler(
    const wchar_t *name, LPHANDLER_FUNCTION_EX given, void *context)
{
    handler = given;
    return (SERVICE_STATUS_HANDLE)1;
}

static BOOL WINAPI set_status(SERVICE_STATUS_HANDLE handle, SERVICE_STATUS *status)
{
    printf("%lu %lu %lu\n", status->dwCurrentState, status->dwCheckPoint,
           status->dwControlsAccepted);
    fflush(stdout);
    if (status->dwCurrentState == SERVICE_RUNNING)
        SetEvent(running);
    if (status->dwCurrentState == SERVICE_STOPPED)
        ExitProcess(0); /* As a shutdown would: whatever is not done now is lost. */
    return TRUE;
}

static BOOL WINAPI dispatch(const SERVICE_TABLE_ENTRYW *table);

#define RegisterServiceCtrlHandlerExW register_handler
#define SetServiceStatus set_status
#define StartServiceCtrlDispatcherW dispatch
#define OpenSCManagerW(machine, database, access) NULL
#include "updater.c"

static DWORD WINAPI run_service(void *table)
{
    static wchar_t *names[] = {L"own", NULL};
    ((const SERVICE_TABLE_ENTRYW *)table)->lpServiceProc(1, names);
    return 0;
}

static BOOL WINAPI dispatch(const SERVICE_TABLE_ENTRYW *table)
{
    wchar_t first[LONGEST_PATH];
    HANDLE thread;

    running = CreateEventW(NULL, TRUE, FALSE, NULL);
    thread = CreateThread(NULL, 0, run_service, (void *)table, 0, NULL);
    WaitForSingleObject(running, INFINITE);
    wsprintfW(first, L"%s\\component-1.txt", directory);
    while (GetFileAttributesW(first) == INVALID_FILE_ATTRIBUTES)
        Sleep(5);
    handler(SERVICE_CONTROL_PRESHUTDOWN, 0, NULL, NULL);
    WaitForSingleObject(thread, INFINITE);
    return TRUE;
}

int main(void)
{
    powerdown_probe();
}
"""

# --- the oracle: what the declared JSON says will be written


def expand(template: str, arguments: Sequence[str], index: int | None) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] == "i":
            return str(index)
        return "%" if match[1] == "%" else arguments[int(match[1]) - 1]

    return re.sub("%([1-9i%])", value, template)


def writes(
    actions: Sequence[Mapping[str, Any]], arguments: Sequence[str], index: int | None = None
) -> list[tuple[str, str, int]]:
    """Windows path, text and milliseconds waited after it, in the declared order."""
    done: list[tuple[str, str, int]] = []
    for action in actions:
        if "write" in action:
            path = expand(action["write"], arguments, index)
            done.append((path, expand(action["text"], arguments, index), 0))
        elif "wait_ms" in action:
            path, text, waited = done[-1]
            wait = int(expand(str(action["wait_ms"]), arguments, index))
            done[-1] = (path, text, waited + wait)
        else:
            for number in range(int(expand(str(action["repeat"]), arguments, index))):
                done += writes(action["actions"], arguments, number + 1)
    return done


# --- Wine


@dataclass(frozen=True)
class Wine:
    """A Windows session of the tests' own: one prefix, one display."""

    prefix: Path
    environment: Mapping[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [*DIE_WITH_THE_TESTS, "wine", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, *arguments: str, seconds: float = STEP_SECONDS) -> str:
        """Run a program to its end, which has to be a success; what it printed."""
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
            text = output.read().decode(errors="replace").replace("\r", "")
        assert code == 0, f"{arguments} ended with {code}: {text}"
        return text

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


@pytest.fixture(scope="session")
def session_wine() -> Iterator[Wine]:
    # Not pytest's own directory: it keeps the last three, and a prefix has 700 MB. What a killed
    # run leaves of this one goes with the next run.
    with RunDirectory("wine") as directory:
        root = directory.path
        with virtual_display() as display:
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


@pytest.fixture
def wine(session_wine: Wine) -> Wine:
    session_wine.power_on()
    return session_wine


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probes")


def installed(wine: Wine, executable: Path) -> str:
    """The Windows path of an executable, once it is in the prefix."""
    shutil.copy(executable, wine.prefix / "drive_c")
    return f"C:\\{executable.name}"


def compile_helper(wine: Wine, name: str, source: str, *options: str) -> str:
    executable = wine.prefix / "drive_c" / f"{name}.exe"
    if not executable.exists():
        flags = ["-Os", "-s", "-DUNICODE", f"-I{UPDATER.source.parent}", *options]
        subprocess.run(
            [COMPILER, *flags, "-x", "c", "-", "-ladvapi32", "-o", str(executable)],
            input=source.encode(),
            check=True,
            timeout=START_SECONDS,
        )
    return f"C:\\{name}.exe"


@pytest.fixture
def witness(wine: Wine) -> str:
    """A program that looks at windows and services from inside."""
    return compile_helper(wine, "witness", WITNESS, "-municode")


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """A Windows directory of the test's own that does not exist yet."""
    return "C:\\" + re.sub(r"\W+", "-", request.node.name)


# --- the document


@dataclass(frozen=True)
class OpenDocument:
    process: subprocess.Popen[bytes]
    title: str
    saved: list[tuple[str, str, int]]


@pytest.fixture
def document(wine: Wine, witness: str, compiled: Path, place: str) -> Iterator[OpenDocument]:
    executable = compile_probe(DOCUMENT, compiled)
    behaviour = declared_behaviour(executable)
    arguments = [place + "\\Ünsaved work\\report.txt", 'Grüße, 世界: "one" & two']
    process = wine.start(installed(wine, executable), *arguments)
    try:
        title = behaviour["window"]["title"]
        assert behaviour["window"]["visible"]
        wine.run(witness, "window", title)
        yield OpenDocument(process, title, writes(behaviour["end_session"], arguments))
    finally:
        process.kill()
        process.wait(STEP_SECONDS)


def test_the_document_is_saved_when_the_session_ends(wine: Wine, document: OpenDocument) -> None:
    assert document.process.poll() is None
    assert [wine.read(path) for path, _, _ in document.saved] == [None]

    wine.run("wineboot", "-e")  # WM_QUERYENDSESSION, then WM_ENDSESSION

    document.process.wait(STEP_SECONDS)
    for path, text, _ in document.saved:
        assert wine.read(path) == text


def test_a_refused_shutdown_does_not_save_the_document(
    wine: Wine, witness: str, document: OpenDocument
) -> None:
    answer = wine.run(witness, "refused-end", document.title)
    assert answer.strip() == "1", "it declares that it agrees"
    assert document.process.poll() is None
    assert [wine.read(path) for path, _, _ in document.saved] == [None]


@pytest.mark.parametrize("way", ["the program is killed", "power is cut"])
def test_the_document_is_lost_when(wine: Wine, document: OpenDocument, way: str) -> None:
    if way == "power is cut":
        wine.power_cut()
    else:
        document.process.kill()
    # Its status says nothing: Wine ends a program that has lost its wineserver with 0 at times.
    document.process.wait(STEP_SECONDS)
    assert [wine.read(path) for path, _, _ in document.saved] == [None]


# --- the update


class Update:
    """The updater as a service of its own, and what its JSON says about its files."""

    def __init__(self, wine: Wine, executable: Path, directory: str, components: int) -> None:
        self.wine = wine
        self.behaviour = declared_behaviour(executable)
        self.arguments = [directory, "2.0", str(components), "300"]
        self.service = directory.removeprefix("C:\\")
        self.declared = writes(self.behaviour["run"], self.arguments)
        self.paths = list(dict.fromkeys(path for path, _, _ in self.declared))
        self.wait_seconds = sum(wait for _, _, wait in self.declared) / 1000
        for path in self.paths:
            if "component" in path:
                file = wine.file(path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("1.0")
        self.initial = self.files()
        program = installed(wine, executable)
        command_line = " ".join([program, *self.arguments])
        wine.run("sc", "create", self.service, "binPath=", command_line, "start=", "demand")

    def start(self) -> None:
        self.wine.run("sc", "start", self.service)

    def files(self) -> dict[str, str | None]:
        return {path: self.wine.read(path) for path in self.paths}

    def after(self, steps: int) -> dict[str, str | None]:
        """The files after so many of the declared writes."""
        return self.initial | {path: text for path, text, _ in self.declared[:steps]}

    def progress(self) -> int | None:
        """How many writes are done; ``None`` in the moment a file is being replaced."""
        files = self.files()
        if "" in files.values():
            return None
        # The last match: the state is "installing" again and again, but components only grow.
        done = [n for n in range(len(self.declared) + 1) if self.after(n) == files]
        assert done, f"no order of the declared writes gives {files}"
        return done[-1]

    def wait_for(self, steps: int) -> list[int]:
        """Every progress seen until so many writes were done."""
        deadline = Deadline.after(STEP_SECONDS + self.wait_seconds)
        seen: list[int] = []
        while not seen or seen[-1] < steps:
            assert not deadline.expired, f"{steps} writes expected, seen {seen}"
            now_done = self.progress()
            if now_done is not None and now_done not in seen[-1:]:
                seen.append(now_done)
            time.sleep(POLL_SECONDS)  # Nothing announces a file.
        return seen


@pytest.fixture
def update(wine: Wine, compiled: Path, place: str) -> Update:
    return Update(wine, compile_probe(UPDATER, compiled), place, components=5)


@pytest.fixture
def long_update(wine: Wine, compiled: Path, place: str) -> Update:
    """One that is still under way when a busy host gets round to interrupting it."""
    return Update(wine, compile_probe(UPDATER, compiled), place, components=30)


def test_the_update_replaces_component_after_component(
    wine: Wine, witness: str, update: Update
) -> None:
    update.start()
    seen = update.wait_for(2)
    status = [int(number) for number in wine.run(witness, "status", update.service).split()]
    accepted = sum(ACCEPTED_CONTROL[name] for name in update.behaviour["accepts"])
    assert status == [SERVICE_RUNNING, accepted]
    seen += update.wait_for(len(update.declared))

    assert seen == sorted(seen)
    assert len(set(seen)) > 3, f"half-way states were expected, seen {seen}"
    assert update.files() == update.after(len(update.declared))
    # Each file's time of writing shows the declared wait before the next one.
    component_waits = [(path, wait) for path, _, wait in update.declared if wait]
    last = update.declared[-1][0]
    following = [path for path, _ in component_waits[1:]] + [last]
    for (path, wait), after in zip(component_waits, following, strict=True):
        between = wine.file(after).stat().st_mtime - wine.file(path).stat().st_mtime
        assert between >= wait / 1000 - 0.02, f"{path} to {after}"


def test_the_update_asks_for_the_declared_time_at_shutdown(wine: Wine, update: Update) -> None:
    update.start()
    update.wait_for(1)
    key = rf"HKLM\SYSTEM\CurrentControlSet\Services\{update.service}"
    shown = wine.run("reg", "query", key, "/v", "PreshutdownTimeout")
    match = re.search(r"PreshutdownTimeout\s+REG_DWORD\s+(0x[0-9a-f]+)", shown)
    assert match, shown
    assert int(match[1], 16) == update.behaviour["preshutdown_timeout_ms"]


@pytest.mark.parametrize("way", ["power is cut", "the service is stopped"])
def test_an_interrupted_update_leaves_a_mix(
    wine: Wine, witness: str, long_update: Update, way: str
) -> None:
    long_update.start()
    long_update.wait_for(3)
    if way == "power is cut":
        wine.power_cut()
    else:
        assert long_update.behaviour["on_stop"] == "stop"
        wine.run("sc", "stop", long_update.service)

    # It goes no further: watched for longer than one component takes.
    left = long_update.files()
    watched = Deadline.after(2.5 * max(wait for _, _, wait in long_update.declared) / 1000)
    while not watched.expired:
        assert long_update.files() == left
        time.sleep(POLL_SECONDS)
    components = [text for path, text in left.items() if "component" in path]
    assert set(components) == {"1.0", "2.0"}
    done = long_update.progress()
    assert done is not None
    assert 3 <= done < len(long_update.declared)
    if way == "the service is stopped":
        state = wine.run(witness, "status", long_update.service).split()[0]
        assert int(state) == SERVICE_STOPPED


def test_the_update_is_completed_before_the_service_stops_at_preshutdown(
    wine: Wine, compiled: Path, place: str
) -> None:
    """The real control handler, driven by a service control manager of the test's own."""
    behaviour = declared_behaviour(compile_probe(UPDATER, compiled))
    assert behaviour["on_preshutdown"] == "finish"
    program = compile_helper(wine, "own-manager", OWN_CONTROL_MANAGER)
    arguments = [place, "2.0", "6", "150"]

    printed = wine.run(program, *arguments)

    statuses = [tuple(map(int, line.split())) for line in printed.splitlines()]
    accepted = sum(ACCEPTED_CONTROL[name] for name in behaviour["accepts"])
    running = statuses.index((SERVICE_RUNNING, 0, accepted))
    pending = [check for state, check, _ in statuses if state == SERVICE_STOP_PENDING]
    assert [state for state, _, _ in statuses[running + 1 :]] == (
        [SERVICE_STOP_PENDING] * len(pending) + [SERVICE_STOPPED]
    )
    # At once on the control, then progress with every component that was still to do.
    assert pending == list(range(len(pending)))
    assert len(pending) >= 3
    for path, text, _ in writes(behaviour["run"][-2:], arguments):
        assert wine.read(path) == text
