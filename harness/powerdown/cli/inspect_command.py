"""``powerdown inspect``: which settings on the disk of a guest endanger a soft shutdown?

Nothing is booted, and nothing is written to the disk. A child process reads it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from powerdown.cli.disk_options import add_disk_options
from powerdown.cli.exit_status import ExitStatus, exit_status_help
from powerdown.cli.output import echo
from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.core.severity import Severity
from powerdown.disk.inspection import Inspection, inspect_disk, inspect_hive
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.disk.settings.disk_settings import EVERY_SETTING
from powerdown.report.inspect_json import Kind, inspection_to_json
from powerdown.report.inspect_text import inspection_text
from powerdown.report.json_file import write_json, write_report
from powerdown.report.junit import inspection_to_junit
from powerdown.report.sarif import inspection_to_sarif
from powerdown.windows.settings.readings import Origin

_SECONDS = 60.0
"""It takes about two seconds; longer from a slow disk or through many overlays."""

_HIVE_MAGIC = b"regf"
"""Format of hives: msuhanov/regf."""

_EXIT_STATUS = {
    ExitStatus.SUCCESS: "no finding is as severe as --fail-on",
    ExitStatus.FAILURE: "at least one finding is",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = exit_status_help(_EXIT_STATUS)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "disk", type=Path, nargs="?", help="disk image (the topmost overlay, if there are any)"
    )
    what.add_argument(
        "--hive",
        type=Path,
        metavar="FILE",
        help="examine a registry hive instead: SYSTEM, SOFTWARE, DEFAULT or NTUSER.DAT",
    )
    add_disk_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--paths", action="store_true", help="also print the registry path of each setting"
    )
    parser.add_argument("--sarif", type=Path, metavar="FILE", help="also write a SARIF 2.1.0 log")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit XML report")
    parser.add_argument(
        "--fail-on",
        type=Severity,
        choices=list(Severity),
        default=Severity.STOPS,
        help="exit with status 1 on findings of this severity or worse (default: stops)",
    )
    parser.set_defaults(run=run_inspect)


def run_inspect(options: argparse.Namespace) -> int:
    """Examine the disk or hive, print the result and write the reports; the exit status.

    :raise PowerdownError: it cannot be read, or a report cannot be written.
    """
    hive: Path | None = options.hive
    kind, path = (Kind.DISK, options.disk) if hive is None else (Kind.HIVE, hive)
    found = _inspect(kind, path, options)
    fail_on: Severity = options.fail_on
    if options.sarif is not None:
        write_json(
            inspection_to_sarif(path, found, version("powerdown")), options.sarif, "SARIF log"
        )
    if options.junit is not None:
        write_report(inspection_to_junit(str(path), found, fail_on), options.junit, "JUnit report")
    if options.json:
        document = inspection_to_json(kind, str(path), found, fail_on, version("powerdown"))
        echo(json.dumps(document, indent=2))
    else:
        columns = shutil.get_terminal_size().columns
        echo(inspection_text(str(path), found, columns, with_paths=options.paths))
    return ExitStatus.FAILURE if found.at_least(fail_on) else ExitStatus.SUCCESS


def _inspect(kind: Kind, path: Path, options: argparse.Namespace) -> Inspection:
    deadline = Deadline.after(_SECONDS)
    _check_fits(kind, path, options)
    with closing(DiskReader()) as reader:
        if kind is Kind.HIVE:
            return _known(inspect_hive(reader.read_hive(path, EVERY_SETTING, deadline)), path)
        contents = reader.read_disk(
            path, options.format, EVERY_SETTING, deadline, volume=options.volume
        )
        return inspect_disk(contents)


def _check_fits(kind: Kind, path: Path, options: argparse.Namespace) -> None:
    """Refuse a hive read as a disk, options that do not apply, and a report over its source.

    :raise DiskError: the options contradict each other.
    """
    disk_options = options.format is not None or options.volume is not None
    if kind is Kind.HIVE and disk_options:
        raise DiskError(
            f"inspect the hive {path}",
            "a hive has neither format nor volumes",
            "Leave out --format and --volume.",
        )
    if kind is Kind.DISK and options.format is None and _is_hive(path):
        raise DiskError(f"inspect {path}", "it is a registry hive", "Use --hive.")
    for report in (options.sarif, options.junit):
        if report is not None and report.exists() and path.exists() and report.samefile(path):
            actual = "the report would overwrite it"
            raise DiskError(f"inspect {path}", actual, "Write the report to another file.")


def _is_hive(path: Path) -> bool:
    """Whether it is one; a file that cannot be opened is left for the reader to report."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_HIVE_MAGIC)) == _HIVE_MAGIC
    except OSError:
        return False


def _known(found: Inspection, hive: Path) -> Inspection:
    if any(setting.origin is not Origin.NOT_READ for setting in found.settings):
        return found
    raise DiskError(
        f"inspect the hive {hive}",
        "; ".join(("it holds none of the settings that affect a shutdown", *found.notes)),
        "Give a SYSTEM, SOFTWARE or DEFAULT hive, or a user's NTUSER.DAT.",
    )
