"""Where the memory of templates lies: on a tmpfs if it fits, so that no disk is in the way."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.errors import HostError
from powerdown.host.admission.host_resources import HostResources

TMPFS = Path("/dev/shm")
"""Where Linux systems have a tmpfs for shared memory (man 7 shm_overview)."""


@dataclass(frozen=True)
class MemoryBacking:
    """A directory for memory files.

    :param directory: private to this user; made when it is used.
    :param why: in a few words, for reports.
    """

    directory: Path
    why: str


def memory_place(needed: int, cache: Path, tmpfs: Path = TMPFS) -> MemoryBacking:
    """Where to put a memory file of ``needed`` bytes.

    It may fill up wholly, and a clone may write to all of its own copy: twice the guest's memory
    must be free for the tmpfs to be chosen.

    :param cache: a directory on disk, taken where the tmpfs does not do.
    """
    obstacle = _obstacle(needed, tmpfs, _private(tmpfs, cache))
    if obstacle:
        return MemoryBacking(cache, f"on disk, for {obstacle}")
    return MemoryBacking(_private(tmpfs, cache), f"on tmpfs {tmpfs}")


def private_places(cache: Path, tmpfs: Path = TMPFS) -> Iterable[Path]:
    """Every directory in which this user's memory files may lie."""
    private = _private(tmpfs, cache)
    return (private, cache) if _is_ours(private) else (cache,)


def _private(tmpfs: Path, cache: Path) -> Path:
    """A directory of this user for one cache: another cache's templates are not its business."""
    mark = hashlib.sha256(str(cache.absolute()).encode()).hexdigest()[:8]
    return tmpfs / f"powerdown-{os.getuid()}-{mark}"


def _obstacle(needed: int, tmpfs: Path, directory: Path) -> str:
    """Why the tmpfs will not do; empty if it will."""
    try:
        room = os.statvfs(tmpfs)
    except OSError as error:
        return f"{tmpfs} cannot be used: {error.strerror or error}"
    if not os.access(tmpfs, os.W_OK):
        return f"{tmpfs} cannot be written to"
    if not _is_ours(directory):
        return f"{directory} belongs to somebody else"
    free = room.f_bavail * room.f_frsize
    if free < needed:
        return f"{tmpfs} has {free >> 20} MiB free of {needed >> 20} MiB needed"
    available = _available_memory()
    if available < 2 * needed:
        return f"the host has {available >> 20} MiB of memory free of {2 * needed >> 20} MiB needed"
    return ""


def _is_ours(directory: Path) -> bool:
    """Whether nobody else can write there; anyone may make directories on such a tmpfs."""
    try:
        status = directory.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    private = not stat.S_IMODE(status.st_mode) & 0o077
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and private


def _available_memory() -> int:
    """Bytes that can be used without swapping, as far as the kernel tells."""
    try:
        return HostResources().free_memory()
    except HostError:
        return 0
