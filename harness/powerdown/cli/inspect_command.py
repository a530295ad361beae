"""``powerdown inspect``: would a Windows shut down softly, by what its disk says alone?

Nothing is booted and nothing is written. A child process of its own reads the disk.
"""

from __future__ import annotations

import argparse
import json
import shutil
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from powerdown.cli.disk_options import add_disk_options
from powerdown.cli.output import echo
from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.diagnosis.risks.risk import Severity
from powerdown.disk.inspection import Inspection, inspect_disk, inspect_hive
from powerdown.disk.reader.sandboxed_reader import DiskReader
from powerdown.disk.settings.all_settings import ALL_SETTINGS
from powerdown.disk.settings.setting import Origin
from powerdown.report.inspect_json import Kind, inspection_to_json
from powerdown.report.inspect_text import inspection_text
from powerdown.report.json_file import write_json, write_report
from powerdown.report.junit import inspection_to_junit
from powerdown.report.sarif import inspection_to_sarif

_SECONDS = 60.0
"""It takes some two seconds; a slow disk of the host, and many overlays, take more."""

_HIVE_MAGIC = b"regf"
"""Format of hives: msuhanov/regf."""

EXIT_STATUS = """\
exit status:
  0  nothing was found that is as bad as --fail-on says
  1  something was found that is
  2  nothing could be said: bad input, missing tool, host fault
  130  interrupted
  141  nobody reads what is printed any more"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = EXIT_STATUS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("disk", type=Path, nargs="?", help="disk image, or the newest overlay on it")
    what.add_argument(
        "--hive",
        type=Path,
        metavar="FILE",
        help="a registry hive alone instead: SYSTEM, SOFTWARE, DEFAULT or NTUSER.DAT",
    )
    add_disk_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--places", action="store_true", help="print the registry path of every setting too"
    )
    parser.add_argument("--sarif", type=Path, metavar="FILE", help="write SARIF 2.1.0 too")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML too")
    parser.add_argument(
        "--fail-on",
        type=Severity,
        choices=list(Severity),
        default=Severity.STOPS,
        help="the mildest finding that fails (default: stops)",
    )


def run_inspect(options: argparse.Namespace) -> int:
    """Look, print what was found, write the reports that are wanted; the exit status.

    :raise PowerdownError: nothing can be said, or a report cannot be written.
    """
    hive: Path | None = options.hive
    kind, path = (Kind.DISK, options.disk) if hive is None else (Kind.HIVE, hive)
    found = _looked(kind, path, options)
    fail_on: Severity = options.fail_on
    if options.sarif is not None:
        write_json(
            inspection_to_sarif(path, found, version("powerdown")), options.sarif, "SARIF log"
        )
    if options.junit is not None:
        write_report(inspection_to_junit(str(path), found, fail_on), options.junit, "JUnit report")
    if options.json:
        told = inspection_to_json(kind, str(path), found, fail_on, version("powerdown"))
        echo(json.dumps(told, indent=2))
    else:
        columns = shutil.get_terminal_size().columns
        echo(inspection_text(str(path), found, columns, with_places=options.places))
    return 1 if found.at_least(fail_on) else 0


def _looked(kind: Kind, path: Path, options: argparse.Namespace) -> Inspection:
    deadline = Deadline.after(_SECONDS)
    _check_fits(kind, path, options)
    with closing(DiskReader()) as reader:
        if kind is Kind.HIVE:
            return _known(inspect_hive(reader.read_hive(path, ALL_SETTINGS, deadline)), path)
        contents = reader.read_disk(
            path, options.format, ALL_SETTINGS, deadline, volume=options.volume
        )
        return inspect_disk(contents)


def _check_fits(kind: Kind, path: Path, options: argparse.Namespace) -> None:
    """Have no hive read as a disk, no option passed over in silence, and no disk written over.

    :raise DiskError: what was given does not fit together.
    """
    of_disks = options.format is not None or options.volume is not None
    if kind is Kind.HIVE and of_disks:
        raise DiskError(
            f"inspect the hive {path}", "it is no disk", "Leave --format and --volume out."
        )
    if kind is Kind.DISK and options.format is None and _is_hive(path):
        raise DiskError(f"inspect {path}", "it is a registry hive", "Give it with --hive.")
    for report in (options.sarif, options.junit):
        if report is not None and report.exists() and path.exists() and report.samefile(path):
            actual = "the report would be written over what is looked at"
            raise DiskError(f"inspect {path}", actual, "Give the report another name.")


def _is_hive(path: Path) -> bool:
    """Of what cannot be opened the reader says why."""
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
        "; ".join(("it holds none of the settings that bear on a shutdown", *found.notes)),
        "Give a SYSTEM, SOFTWARE or DEFAULT hive, or a user's NTUSER.DAT.",
    )
