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
    :raise DeadlineExpired: reading takes longer than allowed.
    """
    sha256 = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK_BYTES):
                if deadline.expired:
                    raise deadline.expire(
                        f"the digest of {path}",
                        f"read {file.tell()} bytes",
                        "Use faster storage, or check the disk for errors.",
                    )
                sha256.update(chunk)
    except OSError as error:
        raise DiskError(
            f"read {path} for its digest", error.strerror or str(error), "Check the file."
        ) from error
    return sha256.hexdigest()


class KnownDigests:
    """Digests of files, cached between runs; a file that was changed since is read again.

    They identify images. To check that an image was not written to, use :func:`digest`.

    :param cache: the user's cache directory.
    """

    def __init__(self, cache: Path) -> None:
        self._directory = cache / "digests"

    def of(self, path: Path, deadline: Deadline) -> str:
        """The digest of a file; read only if it is not known.

        :raise DiskError: it cannot be read.
        :raise DeadlineExpired: reading takes longer than allowed.
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
            # Without a cache the next run reads the file again.
            return

    def _note(self, path: Path) -> Path:
        return self._directory / hashlib.sha256(str(path).encode()).hexdigest()[:32]


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError as error:
        raise DiskError(
            f"read the status of {path}", error.strerror or str(error), "Check the file."
        ) from error
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
