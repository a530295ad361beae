"""The console program outlives every event of its console.

Windows starts a thread in the program for each event, at ``CtrlRoutine`` (microsoft/terminal:
doc/ConsoleCtrlEvent.md). Wine 8.0 does so for Ctrl+C alone: closing a console or ending the
session tells its programs nothing. So the tests start that thread themselves. Not seen here: how
long Windows waits for it, and that Windows ends the program then.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from powerdown.core.deadline import Deadline
from powerdown.guest.probe_programs import CONSOLE, compile_probe, declared_behaviour
from tests.guest.wine.session import POLL_SECONDS, STEP_SECONDS, WINE_MARKS, Wine, Witness

pytestmark = WINE_MARKS

# CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT (learn: HandlerRoutine).
EVENTS = pytest.mark.parametrize("event", [2, 5, 6], ids=["close", "logoff", "shutdown"])
THREAD_AND_PROGRAM_ENDED, BOTH_RUN = [1, 1], [0, 0]


@contextmanager
def started(wine: Wine, program: str, calls: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has come back from its first call of this Windows function."""
    with tempfile.TemporaryFile() as log, wine.relayed(calls):
        process = wine.start(program, debug="+relay", log=log)
        try:
            deadline = Deadline.after(STEP_SECONDS)
            succeeded = f"Ret  {calls}() retval=00000001".lower().encode()
            while succeeded not in (said := _all_of(log).lower()):
                assert not deadline.expired, f"{program} does not call {calls}: {said!r}"
                time.sleep(POLL_SECONDS)  # Wine only writes it.
            yield process
        finally:
            process.kill()
            process.wait(STEP_SECONDS)


def _all_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


# A program of its own for each event: Wine does not begin the next before a handler is back.
@EVENTS
def test_its_handler_never_ends(wine: Wine, witness: Witness, compiled: Path, event: int) -> None:
    executable = compile_probe(CONSOLE, compiled)
    behaviour = declared_behaviour(executable)
    assert (behaviour["console"], behaviour["on_console_close"]) == (True, "ignore")
    handler = "kernel32.SetConsoleCtrlHandler"
    with started(wine, wine.install(executable), handler) as console:
        assert witness("console-event", CONSOLE.name, str(event)) == BOTH_RUN
        assert console.poll() is None


@EVENTS
def test_a_program_without_handler_is_ended_by_the_event(
    wine: Wine, witness: Witness, event: int
) -> None:
    """The same events do end a program: the control for the test above."""
    plain = wine.start(wine.compile("plain-console", "plain_console.c"))
    try:
        answer = witness("console-event", "plain-console.exe", str(event))
        assert answer == THREAD_AND_PROGRAM_ENDED
    finally:
        plain.kill()
        plain.wait(STEP_SECONDS)
