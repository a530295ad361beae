"""Reports written to files atomically: a reader never sees half of one."""

from __future__ import annotations

import json
from pathlib import Path

from powerdown.core.files import write_atomically
from powerdown.report.document import ReportFormatError


def write_json(value: object, path: Path, what: str) -> Path:
    """Write a file that a reader never sees half written.

    :param what: what it is, for the message.
    :return: ``path``.
    :raise ReportFormatError: it cannot be written.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return write_report(text, path, what)


def write_report(text: str, path: Path, what: str) -> Path:
    """Write a text file that a reader never sees half written, encoded in UTF-8.

    :param what: what it is, for the message.
    :return: ``path``.
    :raise ReportFormatError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whoever may enter the directory may read its reports.
        write_atomically(path, text, mode=0o644, durable=True)
    except OSError as error:
        raise ReportFormatError(
            f"write the {what} {path}",
            str(error),
            "Make the directory writable, or choose another.",
        ) from error
    return path
