"""Files that several processes share: written whole, locked, named, and kept between runs."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_directory() -> Path:
    """Where results that are costly to make are kept between runs (XDG Base Directory)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "powerdown"


def slug(text: str) -> str:
    """``text`` as part of a file's name: lower-case letters, digits and hyphens.

    >>> slug("Power button: ignored (2)")
    'power-button-ignored-2'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def write_atomically(
    path: Path, data: str | bytes, *, mode: int = 0o600, durable: bool = False
) -> None:
    """Replace a file; readers see the old content or the new, never a part.

    :param data: text is encoded in UTF-8.
    :param mode: permissions of the file.
    :param durable: whether the content must survive a power failure of the host; costs a write to
        the disk.
    :raise OSError: it cannot be written; an earlier file is untouched.
    """
    content = data.encode() if isinstance(data, str) else data
    # In the same directory: a rename is atomic only within one file system.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def lock(descriptor: int, *, shared: bool = False) -> None:
    """Lock an open file against other processes, waiting while one of them holds it.

    The lock goes with the descriptor, and so with the process. Other users must be quick: the wait
    has no deadline. Where they may not be, poll :func:`try_lock` under a
    :class:`~powerdown.core.deadline.Deadline`.

    :param shared: whether others may hold it as well, if theirs is shared too.
    :raise OSError: the file system has no locks.
    """
    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process alone; false, at once, while another one holds it.

    :raise OSError: the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock on a file, which is made if need be, for this process alone; see :func:`lock`.

    :return: a descriptor of the file, open for reading and writing.
    :raise OSError: it cannot be opened or locked.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        lock(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)
