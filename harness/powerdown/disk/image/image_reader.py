"""Bounded reads of a disk image through qemu-img.

qemu-img follows backing files and can read an image that a paused QEMU has locked.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.images.image import DiskFormat
from powerdown.images.qemu_tool import qemu_img

_AHEAD_BYTES = 1 << 16
"""The least that is read: a partition table with its entries, or a boot sector and what follows."""

SECTOR_BYTES = 512
"""The sector size of the guests' disks."""

MOST_BYTES = 1 << 20
"""Limit of one read: all structures are far smaller."""


class ImageReader:
    """Reads a disk as the guest sees it; never writes.

    Every read starts a process; so it reads ahead and caches.

    :param path: the image, or the newest overlay on it.
    :param format: its format.
    :param deadline: for all reads.
    """

    def __init__(self, path: Path, format: DiskFormat, deadline: Deadline) -> None:
        self._path = path.absolute()
        self._format = format
        self._deadline = deadline
        self._pieces: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        """Read ``length`` bytes at ``offset``, both multiples of the sector size.

        :raise DiskError: the image cannot be read there, or the request is out of bounds.
        :raise HostError: qemu-img is not installed.
        :raise DeadlineExpired: it took too long.
        """
        aligned = offset % SECTOR_BYTES == 0 and length % SECTOR_BYTES == 0
        if offset < 0 or not aligned or not 0 < length <= MOST_BYTES:
            raise DiskError(
                f"read {self._path}",
                f"{length} bytes at {offset} were requested",
                "A structure on the disk is damaged, or this is a bug in Powerdown.",
            )
        for begin, piece in self._pieces.items():
            if begin <= offset and offset + length <= begin + len(piece):
                return piece[offset - begin :][:length]
        try:
            piece = self._fetch(offset, max(length, _AHEAD_BYTES))
        except DiskError:
            # The disk may be shorter.
            piece = self._fetch(offset, length)
        self._pieces[offset] = piece
        return piece[:length]

    def _fetch(self, offset: int, length: int) -> bytes:
        with tempfile.TemporaryDirectory(prefix="powerdown-read-") as directory:
            output = Path(directory) / "sectors"
            # -U: the image may be open in a paused QEMU.
            arguments = ["convert", "-U", "-O", "raw", self._part(offset, length), str(output)]
            qemu_img(arguments, self._deadline)
            return output.read_bytes()

    def _part(self, offset: int, length: int) -> str:
        """QEMU's options for a part of the disk, as a file name.

        Not ``qemu-img dd``: whether its count includes the skipped blocks depends on its version.
        """
        file = {"driver": "file", "filename": str(self._path)}
        image = {"driver": self._format, "file": file}
        part = {"driver": "raw", "offset": offset, "size": length, "file": image}
        return f"json:{json.dumps(part)}"
