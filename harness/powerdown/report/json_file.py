"""A report written as a file: whole, or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from powerdown.report.json_object import ReportFormatError


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
        _replace(path, text)
    except OSError as error:
        raise ReportFormatError(
            f"write the {what} {path}",
            str(error),
            "Make the directory writable, or choose another.",
        ) from error
    return path


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp gives 0600; a report is for whoever may read the directory.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
