"""The process that reads disks: it may crash, hang or be taken over, and nothing else is.

The libraries that parse a guest's NTFS, hives and logs are fast because two of them are C. So they
run here: with little memory and processor time, no files to write, no secrets in its environment,
and gone with whoever started it. Lines of JSON come in and go out; see
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
"""Address space, of qemu-nbd too, which reserves some 500 MiB. A file alone of 512 MiB fits in it
twice; nothing of a disk is copied that is larger than an event log."""
PROCESSOR_SECONDS = 120
"""Of each request. A disk takes one; this is for whole logs on slow machines."""
_FILE_BYTES = 1 << 12
"""Nothing is written; but Python tries a directory for temporary files, of sockets, by writing."""
_READ_AHEAD = ("nbd", "pyfsntfs", "pyregf", "evtx")
"""Modules of C and Rust, loaded while nobody waits. Those that are missing are missed later."""
_MOST_TRACE = 2000


def main(parent: int) -> None:
    """Serve requests until there are no more.

    :param parent: process id of who started this.
    """
    die_with_parent(parent)
    # A cache of a module, cut off at the limit, would harm whoever loads it next.
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
    # Whatever a library prints must not be taken for an answer.
    sys.stdout = sys.stderr
    serve(sys.stdin, out)


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer one line with one line."""
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
        return {"error": ["DiskError", "read the disk", "it takes too much memory", _BROKEN]}
    except Exception as error:
        # libyal reports a damaged structure in many ways; that nothing gets out unnamed is the
        # other side's task, and the fuzzer's to find what is not expected.
        text = "".join(traceback.format_exception(error))
        return {"stumbled": text[-_MOST_TRACE:]}


_BROKEN = "The disk is damaged, or made to be a burden."


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
    """Be killed after so much more of it."""
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
