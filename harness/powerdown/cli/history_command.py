"""``powerdown history``: how did each session of a guest begin and end, by its System log?

Reads the disk of a guest that is off, or an ``.evtx`` file copied from one. Nothing is booted.
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
from powerdown.cli.exit_status import ExitStatus, exit_status_help
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

_EXIT_STATUS = {
    ExitStatus.SUCCESS: "the latest session ended in order",
    ExitStatus.FAILURE: "the latest recorded end was not in order: power lost, button held or "
    "bugcheck",
    ExitStatus.INCONCLUSIVE: "the end of the latest session is not recorded (it may have been cut "
    "off, or still be running), and nothing is known to be wrong with the one before",
}

_TIMEOUT_SECONDS = 120.0
"""A log may have hundreds of MiB, and the host may be busy."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = exit_status_help(_EXIT_STATUS)
    parser.add_argument(
        "target",
        type=Path,
        metavar="DISK|System.evtx",
        help="disk image (the topmost overlay, if there are any), or a System log copied from one",
    )
    add_disk_options(parser)
    parser.add_argument("--last", type=_count, metavar="N", help="show only the latest N sessions")
    parser.add_argument("--json", action="store_true", help="print the history as JSON")
    parser.add_argument(
        "-v", "--evidence", action="store_true", help="print the event records behind each line"
    )
    parser.set_defaults(run=run_history)


def run_history(options: argparse.Namespace) -> int:
    """Read the history and print it; the exit status.

    :raise PowerdownError: the log cannot be read.
    """
    log = _read(options)
    history = power_history(log)
    if options.json:
        kept = history.sessions if options.last is None else history.sessions[-options.last :]
        shown = replace(history, sessions=kept)
        document = history_to_json(str(options.target), shown, version("powerdown"))
        echo(json.dumps(document, indent=2))
    else:
        width = shutil.get_terminal_size().columns
        echo(history_to_text(history, width, last=options.last, evidence=options.evidence))
    return history_status(history)


def history_status(history: PowerHistory) -> ExitStatus:
    """The exit status for a history, as ``--help`` explains it."""
    newest = [session.end.kind for session in history.sessions[-2:]]
    if not newest:
        return ExitStatus.INCONCLUSIVE
    if newest[-1] in ORDERLY:
        return ExitStatus.SUCCESS
    known = [kind for kind in newest if kind in ORDERLY or kind in BAD]
    return ExitStatus.FAILURE if known and known[-1] in BAD else ExitStatus.INCONCLUSIVE


def _read(options: argparse.Namespace) -> SystemLog:
    path: Path = options.target
    deadline = Deadline.after(_TIMEOUT_SECONDS)
    is_log = _first_bytes(path) == FILE_MAGIC
    with closing(DiskReader()) as reader:
        if is_log:
            if options.format is not None or options.volume is not None:
                raise DiskError(
                    f"read {path}",
                    "it is an event log, not a disk",
                    "Leave out --format and --volume.",
                )
            return reader.read_log(path, deadline)
        request = DiskRequest(system_log=True)
        found = reader.read_disk(path, options.format, request, deadline, volume=options.volume)
        if found.log is None:
            raise DiskError(
                f"read the System log of {path}",
                "; ".join(found.notes) or "its Windows has none",
                "Choose another volume with --volume.",
            )
        return replace(found.log, notes=(*_notes(found), *found.log.notes))


def _notes(found: DiskContents) -> Iterator[str]:
    """What the disk shows about the latest end in addition to its log."""
    yield from found.notes
    if found.volume.dirty:
        yield "the system volume is marked dirty: it was not unmounted cleanly"
    if found.hibernation is Hibernation.HIBERNATED:
        yield "hiberfil.sys holds a saved system: hibernation, or a shutdown with fast startup"


def _first_bytes(path: Path) -> bytes:
    try:
        # Reading a pipe would block. What is not a regular file may be a block device.
        if not path.is_file() and not path.is_dir() and path.exists():
            return b""
        with path.open("rb") as file:
            return file.read(len(FILE_MAGIC))
    except OSError as error:
        actual = error.strerror or str(error)
        raise DiskError(f"open {path}", actual, "Give a disk image or a System.evtx.") from error


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a positive integer")
    return number
