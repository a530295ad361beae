"""The digest of a disk image, to prove that nothing wrote to it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.core.files import write_atomically

_CHUNK_BYTES = 1 << 20


def digest(path: Path, deadline: Deadline) -> str:
    """SHA-256 of the whole file, in hexadecimal.

    :raise DiskError: it cannot be read.
    :raise DeadlineExpired: it is too large for the time allowed.
    """
    sha256 = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK_BYTES):
                if deadline.expired:
                    raise deadline.expire(
                        f"the digest of {path}", f"read {file.tell()} bytes", "Allow more time."
                    )
                sha256.update(chunk)
    except OSError as error:
        raise DiskError(
            f"read {path} for its digest", error.strerror or str(error), "Check the file."
        ) from error
    return sha256.hexdigest()


class KnownDigests:
    """Digests by file, remembered between runs; a file that was touched since is read again.

    Good to tell one image from another. Whether an image was written to is another question: for
    that it is read.

    :param cache: the user's cache directory.
    """

    def __init__(self, cache: Path) -> None:
        self._directory = cache / "digests"

    def of(self, path: Path, deadline: Deadline) -> str:
        """The digest of a file; read only if it is not known.

        :raise DiskError: it cannot be read.
        :raise DeadlineExpired: it is too large for the time allowed.
        """
        stamp = _stamp(path)
        try:
            known = json.loads(self._note(path).read_bytes())
            if known["stamp"] == stamp:
                return str(known["digest"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        found = digest(path, deadline)
        self._remember(path, stamp, found)
        return found

    def _remember(self, path: Path, stamp: list[int], found: str) -> None:
        note = self._note(path)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            write_atomically(note, json.dumps({"stamp": stamp, "digest": found}))
        except OSError:
            # Without a cache the next run reads it again.
            return

    def _note(self, path: Path) -> Path:
        return self._directory / hashlib.sha256(str(path).encode()).hexdigest()[:32]


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError as error:
        raise DiskError(
            f"look at {path}", error.strerror or str(error), "Check the file."
        ) from error
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
