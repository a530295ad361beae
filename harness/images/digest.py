"""The digest of a disk image, to prove that nothing wrote to it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.deadline import Deadline
from harness.errors import DiskError

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
