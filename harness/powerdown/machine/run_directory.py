"""A private directory for one run, with its overlay, firmware variables and transcripts."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from powerdown.core.closeable import Closeable
from powerdown.core.errors import HostError
from powerdown.core.files import try_lock

_PREFIX = "powerdown-"
_LOCK = "in-use"


class RunDirectory(Closeable):
    """A directory only its owner can enter, removed on close unless kept.

    It holds no sockets, so the length of its path does not matter. Directories left behind by
    killed runs, whose lock no process holds, are removed when the next one is created.

    :param label: part of the directory's name, for people.
    :param parent: where to create it; default: the system's temporary directory.
    :raise HostError: it cannot be created.
    """

    def __init__(self, label: str, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        _remove_abandoned(parent)
        try:
            self._lock: int | None = None
            while self._lock is None:
                # mkdtemp uses mode 0700.
                self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{label}-", dir=parent))
                self._lock = _lock(self.path, create=True)
        except OSError as error:
            raise HostError(
                f"create a run directory in {parent}",
                error.strerror or str(error),
                "Set TMPDIR to a directory with room for a disk overlay.",
            ) from error
        self._kept = False

    def keep(self) -> Path:
        """Keep the directory when it is closed; return its path."""
        (self.path / _LOCK).unlink(missing_ok=True)
        self._kept = True
        return self.path

    def close(self) -> None:
        """Remove the directory unless kept; never raises, may be called twice."""
        if not self._kept:
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _lock(directory: Path, *, create: bool = False) -> int | None:
    """Lock the directory; ``None`` when another process holds the lock or has just removed it."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
    try:
        lock = os.open(directory / _LOCK, flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        # Without a link: another process considered it abandoned between open and lock.
        if try_lock(lock) and os.fstat(lock).st_nlink > 0:
            return lock
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _remove_abandoned(parent: Path) -> None:
    for directory in parent.glob(f"{_PREFIX}*"):
        try:
            if directory.is_symlink() or directory.stat().st_uid != os.getuid():
                continue
            lock = _lock(directory)
        except OSError:
            continue
        if lock is not None:
            shutil.rmtree(directory, ignore_errors=True)
            os.close(lock)
