"""Whether an NTFS volume's journal, ``$LogFile``, contains changes not yet applied to the volume.

After a power cut it does, whether or not the volume is marked dirty; NTFS applies them at the next
mount. Layout and rule: ntfs-3g, ``include/ntfs-3g/logfile.h`` and ``ntfs_is_logfile_clean`` in
``libntfs-3g/logfile.c``.
"""

from __future__ import annotations

import struct

JOURNAL_BYTES = 1 << 17
"""The restart pages are in its first two log pages, of at most 64 KiB."""

_MAGIC = b"RSTR"
_PAGE_SIZE_AT, _AREA_AT = 16, 24
_AREA = struct.Struct("<qHHHH")
"""Restart area: current sequence number, clients, lists of free and of used clients, flags."""
_NO_CLIENT = 0xFFFF
_VOLUME_IS_CLEAN = 0x0002
_PAGES = range(512, 65537)
_EMPTY = b"\xff"


def journal_is_clean(first: bytes) -> bool:
    """Whether there are no changes to apply.

    :param first: the start of the journal, up to :data:`JOURNAL_BYTES`.
    """
    areas = [area for area in (_area(first, 0), _area(first, _second(first))) if area is not None]
    if areas:
        _, _, _, used, flags = max(areas)
        return used == _NO_CLIENT or bool(flags & _VOLUME_IS_CLEAN)
    # Repairing or formatting a volume fills its journal with ones.
    return bool(first) and not first.strip(_EMPTY)


def _second(first: bytes) -> int:
    """Offset of the second restart page: one log page after the first."""
    if first.startswith(_MAGIC):
        (size,) = struct.unpack_from("<I", first, _PAGE_SIZE_AT)
        if size in _PAGES:
            return int(size)
    return 4096


def _area(first: bytes, at: int) -> tuple[int, ...] | None:
    if first[at : at + 4] != _MAGIC or len(first) < at + _AREA_AT + 2:
        return None
    (offset,) = struct.unpack_from("<H", first, at + _AREA_AT)
    if len(first) < at + offset + _AREA.size:
        return None
    return _AREA.unpack_from(first, at + offset)
