"""Standard output and error: a pipe may be closed by its reader, and a disk may be full."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import TextIO

from powerdown.cli.exit_status import ExitStatus
from powerdown.core.errors import HostError


class BrokenStdout(HostError):
    """The reader of a pipe has closed it, as ``head`` does once it has enough."""


def echo(text: str, out: TextIO | None = None) -> None:
    """Print ``text`` and a line break, unbuffered.

    :param out: where to; standard output if not given.
    :raise BrokenStdout: the reader of the pipe has closed it.
    :raise HostError: it cannot be written for another reason.
    """
    out = out or sys.stdout
    try:
        print(text, file=out, flush=True)
    except OSError as error:
        _give_up(out)
        kind = BrokenStdout if isinstance(error, BrokenPipeError) else HostError
        actual = error.strerror or str(error)
        raise kind("print the result", actual, "Redirect it elsewhere.") from error


def configure_stdout() -> None:
    """Escape characters that the terminal's encoding lacks: guests may report any text."""
    for out in (sys.stdout, sys.stderr):
        # Tests replace these streams by others.
        reconfigure = getattr(out, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def print_help_by_default(parser: argparse.ArgumentParser) -> None:
    """Have a command line that names no command of ``parser`` print its help and fail."""

    def print_help(_options: argparse.Namespace) -> int:
        echo(parser.format_help().rstrip(), sys.stderr)
        return ExitStatus.ERROR

    parser.set_defaults(run=print_help)


def sentence(summary: str) -> str:
    """The summary of a command as the description at the head of its help."""
    return f"{summary[0].upper()}{summary[1:]}{'' if summary.endswith('?') else '.'}"


def _give_up(out: TextIO) -> None:
    """Discard what could not be written: Python would retry it at exit, and print a warning."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, out.fileno())
        finally:
            os.close(nowhere)
