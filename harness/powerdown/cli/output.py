"""What is printed for the caller, whose end of the pipe may be gone and whose disk may be full."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

from powerdown.core.errors import HostError

BROKEN_STDOUT_STATUS = 141
"""What a shell makes of SIGPIPE: 128 and its number. Python gives an error instead."""


class BrokenStdout(HostError):
    """The reader of a pipe is gone, as ``head`` is once it has enough."""


def echo(text: str, out: TextIO | None = None) -> None:
    """Print ``text`` as a line, at once.

    :param out: where; standard output if not given.
    :raise NobodyReads: nobody reads it any more.
    :raise HostError: it cannot be written.
    """
    out = out or sys.stdout
    try:
        print(text, file=out, flush=True)
    except OSError as error:
        _give_up(out)
        kind = BrokenStdout if isinstance(error, BrokenPipeError) else HostError
        actual = error.strerror or str(error)
        raise kind("print what was found", actual, "Print it elsewhere.") from error


def configure_stdout() -> None:
    """Have characters that the terminal's encoding lacks escaped: a guest says what it likes."""
    for out in (sys.stdout, sys.stderr):
        # Tests put others in their place.
        reconfigure = getattr(out, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _give_up(out: TextIO) -> None:
    """Drop what could not be written: Python would try again at its end, and complain."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, out.fileno())
        finally:
            os.close(nowhere)
