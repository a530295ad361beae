"""A file on an NTFS volume. Sizes on the volume are not trusted: callers bound their reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from powerdown.disk.ntfs.libyal import wrap_errors

_T = TypeVar("_T")

_MOST_EXTENTS = 100_000
_CHUNK_BYTES = 1 << 20
_SPARSE = 0x0001
"""libfsntfs.h, LIBFSNTFS_EXTENT_FLAG_IS_SPARSE."""
_COMPRESSED = 0x0002
"""libfsntfs.h, LIBFSNTFS_EXTENT_FLAG_IS_COMPRESSED."""
_DATA = 0x80
"""Type of the attribute that holds a file's content (ntfs-3g's ``layout.h``)."""


@dataclass(frozen=True)
class Extent:
    """A piece of a file.

    :param offset: offset on the disk, in bytes; meaningless when ``sparse``.
    :param length: bytes.
    :param sparse: whether it is not stored and reads as zeros.
    :param compressed: whether it is stored compressed.
    """

    offset: int
    length: int
    sparse: bool = False
    compressed: bool = False


class VolumeFile:
    """A file on a volume.

    :ivar name: its name, in the stored case.
    :ivar size: bytes, according to the volume; not trusted.
    """

    def __init__(self, entry: Any, name: str, volume_offset: int) -> None:
        self._entry = entry
        self._volume_offset = volume_offset
        self.name = name
        self.size = int(_wrapped(f"read the file {name}", entry.get_size))

    @property
    def initialized(self) -> int:
        """How many of its bytes have been written; NTFS reads the rest as zeros.

        :raise DiskError: it cannot be read.
        """
        return _wrapped(f"read the file {self.name}", self._initialized)

    def read(self, most: int) -> bytes:
        """Read its first bytes, up to ``most``.

        :raise DiskError: they cannot be read.
        """
        return self.read_at(0, min(most, self.size))

    def read_at(self, offset: int, length: int) -> bytes:
        """Read up to ``length`` bytes at ``offset``; fewer at the end of the file.

        :raise DiskError: they cannot be read.
        """
        end = min(self.size, offset + length)
        pieces: list[bytes] = []
        while offset < end:
            wanted = min(_CHUNK_BYTES, end - offset)
            call = partial(self._entry.read_buffer_at_offset, wanted, offset)
            piece = _wrapped(f"read the file {self.name}", call)
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def extents(self) -> tuple[Extent, ...]:
        """Its extents on the disk, in order; none for data within the MFT.

        :raise DiskError: they cannot be read.
        """
        return _wrapped(f"find the file {self.name} on the disk", self._extents)

    def _initialized(self) -> int:
        for index in range(self._entry.get_number_of_attributes()):
            attribute = self._entry.get_attribute(index)
            if attribute.get_attribute_type() == _DATA and not attribute.get_attribute_name():
                return int(attribute.get_valid_data_size())
        return 0

    def _extents(self) -> tuple[Extent, ...]:
        count = self._entry.get_number_of_extents()
        if count > _MOST_EXTENTS:
            raise OSError(f"it would have {count} extents")
        found: list[Extent] = []
        for index in range(count):
            offset, length, flags = self._entry.get_extent(index)
            found.append(
                Extent(
                    self._volume_offset + offset,
                    length,
                    sparse=bool(flags & _SPARSE),
                    compressed=bool(flags & _COMPRESSED),
                )
            )
        return tuple(found)


def _wrapped(what: str, call: Callable[[], _T]) -> _T:
    return wrap_errors(what, call, "The file system is damaged.")
