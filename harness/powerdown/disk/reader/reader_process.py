"""The sandboxed process that reads disks: only this process can be crashed or compromised by one.

The libraries that parse a guest's NTFS, hives and logs are fast because two of them are written in
C. So they run here: with limited memory and CPU time, no permission to write files, no secrets in
the environment, and killed with the parent. Requests and answers are lines of JSON; see
:class:`DiskReader` for the other side.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from powerdown.core.deadline import Deadline
from powerdown.core.errors import PowerdownError
from powerdown.core.parent_death import die_with_parent
from powerdown.disk.history.system_log import system_log_to_json
from powerdown.disk.hive.edit_plan import (
    EditPlan,
    edits_from_json,
    filetime_now,
    must_be_unused,
    plan_edits,
    plan_to_json,
)
from powerdown.disk.image.disk_image import DiskImage
from powerdown.disk.ntfs.windows_volume import find_windows
from powerdown.disk.reader.contents_json import (
    contents_to_json,
    request_from_json,
    snapshot_to_json,
)
from powerdown.disk.reader.reading import read_disk, read_hive, read_log
from powerdown.images.image import DiskFormat

MEMORY_BYTES = 2 << 30
"""Limit of the address space, also of qemu-nbd, which reserves some 500 MiB. A single file of
512 MiB fits in it twice; from a disk nothing larger than an event log is copied."""
PROCESSOR_SECONDS = 120
"""CPU time for each request. A disk takes one second; this allows for logs on slow machines."""
_FILE_BYTES = 1 << 12
"""Nothing is written, except that Python tests directories for temporary files by writing."""
_READ_AHEAD = ("nbd", "pyfsntfs", "pyregf", "evtx")
"""Modules in C and Rust, loaded before the first request. A missing one is reported when used."""
_MOST_TRACE = 2000


def main(parent: int) -> None:
    """Serve requests until the input ends.

    :param parent: process id of the parent.
    """
    die_with_parent(parent)
    # A bytecode file cut off at the limit would break the next import.
    sys.dont_write_bytecode = True
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, _FILE_BYTES)
    _limit(resource.RLIMIT_AS, MEMORY_BYTES)
    for name in _READ_AHEAD:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    out = sys.stdout
    # Output of a library must not be taken for an answer.
    sys.stdout = sys.stderr
    serve(sys.stdin, out)


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer each line with one line."""
    for line in requests:
        _allow_processor_time()
        json.dump(_answer(json.loads(line)), answers, separators=(",", ":"))
        answers.write("\n")
        answers.flush()


def _answer(question: Mapping[str, object]) -> dict[str, object]:
    try:
        return {"answer": _read(question)}
    except PowerdownError as error:
        kind = type(error).__name__
        return {"error": [kind, error.action, error.actual, error.remedy]}
    except MemoryError:
        return {"error": ["DiskError", "read the disk", "it needs too much memory", _BROKEN]}
    except Exception as error:
        # libyal reports damaged structures in many ways. DiskReader raises this as an error of
        # its own kind, which fuzzing looks for.
        text = "".join(traceback.format_exception(error))
        return {"internal_error": text[-_MOST_TRACE:]}


_BROKEN = "The disk is damaged, or crafted to exhaust its reader."


def _read(question: Mapping[str, object]) -> dict[str, object]:
    path = Path(str(question["path"]))
    kind = question["read"]
    if kind == "log":
        return system_log_to_json(read_log(path))
    if kind == "edits":
        return plan_to_json(_plan_edits(path, question))
    request = request_from_json(question["request"])
    if kind == "hive":
        return snapshot_to_json(read_hive(path, request))
    format = question["format"]
    volume = question["volume"]
    seconds = question["seconds"]
    contents = read_disk(
        path,
        None if format is None else DiskFormat(str(format)),
        request,
        volume if isinstance(volume, int) else None,
        Deadline.after(seconds if isinstance(seconds, float) else 0.0),
    )
    return contents_to_json(contents)


def _plan_edits(path: Path, question: Mapping[str, Any]) -> EditPlan:
    seconds = question["seconds"]
    deadline = Deadline.after(seconds if isinstance(seconds, float) else 0.0)
    format = DiskFormat(str(question["format"]))
    edits = edits_from_json(question["edits"])
    with DiskImage(path, format, deadline) as image, find_windows(image) as volume:
        if question["unclean"] is not True:
            must_be_unused(volume)
        return plan_edits(image, volume, edits, filetime_now())


def _allow_processor_time() -> None:
    """Set the limit of CPU time for the next request; the kernel kills the process beyond it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = int(used.ru_utime + used.ru_stime) + PROCESSOR_SECONDS
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))
