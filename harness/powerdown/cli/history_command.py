"""``powerdown history``: how did a guest's sessions begin and end, by its System log?

It reads a disk at rest, or an ``.evtx`` file that was copied out of one, and boots nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from powerdown.cli.disk_options import add_disk_options
from powerdown.cli.output import echo
from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.history.event_log_chunks import FILE_MAGIC
from powerdown.disk.history.power_history import PowerHistory, power_history
from powerdown.disk.history.session_end import BAD, ORDERLY
from powerdown.disk.history.system_log import SystemLog
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.report.history_json import history_to_json
from powerdown.report.history_text import history_to_text

EXIT_STATUS = """\
exit status:
  0  the newest session ended in order
  1  the newest end that the log tells of was not in order: power lost, button
     held, bugcheck
  2  nothing could be said: bad input, missing tool, host fault
  3  the log does not tell how the newest session ended (it may have been cut
     off, or still run), and the one before did not end badly
  130  interrupted
  141  nobody reads what is printed any more"""

_PATIENCE = 120.0
"""Seconds for all of it: a log of some hundred MiB, on a busy host."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = EXIT_STATUS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "target",
        type=Path,
        metavar="DISK|System.evtx",
        help="disk image, or the newest overlay on it; or a System log alone",
    )
    add_disk_options(parser)
    parser.add_argument("--last", type=_count, metavar="N", help="only the newest N sessions")
    parser.add_argument("--json", action="store_true", help="print the history as JSON")
    parser.add_argument(
        "-v", "--evidence", action="store_true", help="print the records that each line rests on"
    )


def run_history(options: argparse.Namespace) -> int:
    """Read the history and print it; the exit status.

    :raise PowerdownError: nothing can be read.
    """
    log = _read(options)
    history = power_history(log)
    if options.json:
        kept = history.sessions if options.last is None else history.sessions[-options.last :]
        shown = replace(history, sessions=kept)
        told = history_to_json(str(options.target), shown, version("powerdown"))
        echo(json.dumps(told, indent=2))
    else:
        width = shutil.get_terminal_size().columns
        echo(history_to_text(history, width, last=options.last, evidence=options.evidence))
    return history_status(history)


def history_status(history: PowerHistory) -> int:
    """See :data:`EXIT_STATUS`."""
    newest = [session.end.kind for session in history.sessions[-2:]]
    if not newest:
        return 3
    if newest[-1] in ORDERLY:
        return 0
    known = [kind for kind in newest if kind in ORDERLY or kind in BAD]
    return 1 if known and known[-1] in BAD else 3


def _read(options: argparse.Namespace) -> SystemLog:
    path: Path = options.target
    deadline = Deadline.after(_PATIENCE)
    is_log = _first_bytes(path) == FILE_MAGIC
    with closing(DiskReader()) as reader:
        if is_log:
            if options.format is not None or options.volume is not None:
                raise DiskError(
                    f"read {path}",
                    "it is an event log, not a disk",
                    "Leave --format and --volume out.",
                )
            return reader.read_log(path, deadline)
        request = DiskRequest(system_log=True)
        found = reader.read_disk(path, options.format, request, deadline, volume=options.volume)
        if found.log is None:
            raise DiskError(
                f"read the System log of {path}",
                "; ".join(found.notes) or "the Windows on it has none",
                "Name another volume with --volume.",
            )
        return replace(found.log, notes=(*_notes(found), *found.log.notes))


def _notes(found: DiskContents) -> Iterator[str]:
    """What the disk tells of the newest end besides its log."""
    yield from found.notes
    if found.volume.dirty:
        yield "the system volume is marked dirty: it was not closed since it was last written to"
    if found.hibernation is Hibernation.HIBERNATED:
        yield "hiberfil.sys holds a system: it was hibernated, or shut down with fast startup"


def _first_bytes(path: Path) -> bytes:
    try:
        # A pipe would be waited for: what is no file may be a device with a disk.
        if not path.is_file() and not path.is_dir() and path.exists():
            return b""
        with path.open("rb") as file:
            return file.read(len(FILE_MAGIC))
    except OSError as error:
        actual = error.strerror or str(error)
        raise DiskError(f"open {path}", actual, "Name a disk image or a System.evtx.") from error


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no number from 1 on")
    return number
