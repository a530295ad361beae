"""Where the memory of templates is kept: on a tmpfs if it fits, else on disk."""

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

    :param directory: private to this user; created when it is used.
    :param why: reason for the choice, for reports.
    """

    directory: Path
    why: str


def choose_memory_backing(needed: int, cache: Path, tmpfs: Path = TMPFS) -> MemoryBacking:
    """Choose where to put a memory file of ``needed`` bytes.

    The file may be filled completely, and a clone may write to all of its private copy: the tmpfs
    is chosen only if twice the guest's memory is free.

    :param cache: directory on disk, used if the tmpfs is not suitable.
    """
    obstacle = _obstacle(needed, tmpfs, _private(tmpfs, cache))
    if obstacle:
        return MemoryBacking(cache, f"on disk, because {obstacle}")
    return MemoryBacking(_private(tmpfs, cache), f"on tmpfs {tmpfs}")


def memory_directories(cache: Path, tmpfs: Path = TMPFS) -> Iterable[Path]:
    """Every directory that may hold this user's memory files."""
    private = _private(tmpfs, cache)
    return (private, cache) if _is_ours(private) else (cache,)


def _private(tmpfs: Path, cache: Path) -> Path:
    """The directory of this user for one cache; other caches have others."""
    mark = hashlib.sha256(str(cache.absolute()).encode()).hexdigest()[:8]
    return tmpfs / f"powerdown-{os.getuid()}-{mark}"


def _obstacle(needed: int, tmpfs: Path, directory: Path) -> str:
    """Why the tmpfs is not suitable; empty if it is."""
    try:
        room = os.statvfs(tmpfs)
    except OSError as error:
        return f"{tmpfs} cannot be used: {error.strerror or error}"
    if not os.access(tmpfs, os.W_OK):
        return f"{tmpfs} cannot be written to"
    if not _is_ours(directory):
        return f"{directory} is not private to this user"
    free = room.f_bavail * room.f_frsize
    if free < needed:
        return f"{tmpfs} has {free >> 20} MiB free and {needed >> 20} MiB are needed"
    available = _available_memory()
    if available < 2 * needed:
        return (
            f"the host has {available >> 20} MiB of free memory and "
            f"{2 * needed >> 20} MiB are needed"
        )
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
    """Bytes that can be used without swapping, as the kernel estimates; 0 if unknown."""
    try:
        return HostResources().free_memory()
    except HostError:
        return 0
