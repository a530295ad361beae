"""Partition tables: GPT and MBR, without logical partitions, which Windows Setup never creates.

Layouts: UEFI specification 2.10, chapter 5.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from powerdown.core.errors import DiskError
from powerdown.disk.image.image_reader import MOST_BYTES, SECTOR_BYTES

Read = Callable[[int, int], bytes]
"""Reads ``(offset, length)``, in bytes."""

_MBR_SIGNATURE = b"\x55\xaa"
_MBR_TABLE, _MBR_ENTRY_BYTES = 446, 16
_TYPE_GPT, _TYPES_EXTENDED = 0xEE, (0x05, 0x0F, 0x85)

_GPT_SIGNATURE = b"EFI PART"
_GPT_HEADER = struct.Struct("<8s4xIII24x24xQIII")
"""Signature, header size, CRC, reserved; LBAs and GUID; entries: LBA, count, size, CRC."""
_GPT_CRC_AT = 16
_GPT_ENTRY = struct.Struct("<16s16xQQ")


@dataclass(frozen=True)
class Partition:
    """A part of a disk, in bytes."""

    offset: int
    length: int


def find_partitions(read: Read) -> tuple[Partition, ...]:
    """The partitions of a disk, in the table's order.

    :return: empty when the disk has no partition table.
    :raise DiskError: the table is damaged.
    """
    mbr = read(0, SECTOR_BYTES)
    if len(mbr) < SECTOR_BYTES or mbr[-2:] != _MBR_SIGNATURE:
        return ()
    entries = [
        mbr[at : at + _MBR_ENTRY_BYTES]
        for at in range(_MBR_TABLE, SECTOR_BYTES - 2, _MBR_ENTRY_BYTES)
    ]
    if any(entry[4] == _TYPE_GPT for entry in entries):
        return _gpt(read)
    return tuple(
        _mbr_partition(entry) for entry in entries if entry[4] not in (0, *_TYPES_EXTENDED)
    )


def _mbr_partition(entry: bytes) -> Partition:
    first, sectors = struct.unpack_from("<II", entry, 8)
    return Partition(first * SECTOR_BYTES, sectors * SECTOR_BYTES)


def _gpt(read: Read) -> tuple[Partition, ...]:
    header = read(SECTOR_BYTES, SECTOR_BYTES)
    if len(header) < SECTOR_BYTES or not header.startswith(_GPT_SIGNATURE):
        raise _damaged("its header is missing")
    _, size, crc, _, first, count, entry_bytes, entries_crc = _GPT_HEADER.unpack_from(header)
    if not _GPT_HEADER.size <= size <= SECTOR_BYTES or crc != _header_crc(header[:size]):
        raise _damaged("its header's checksum is wrong")
    total = count * entry_bytes
    if entry_bytes < _GPT_ENTRY.size or not 0 < total <= MOST_BYTES - SECTOR_BYTES:
        raise _damaged(f"it would have {count} entries of {entry_bytes} bytes")
    table = read(first * SECTOR_BYTES, -(-total // SECTOR_BYTES) * SECTOR_BYTES)[:total]
    if len(table) < total or zlib.crc32(table) != entries_crc:
        raise _damaged("its entries' checksum is wrong")
    used = (_GPT_ENTRY.unpack_from(table, at) for at in range(0, total, entry_bytes))
    return tuple(
        Partition(begin * SECTOR_BYTES, (end - begin + 1) * SECTOR_BYTES)
        for kind, begin, end in used
        if any(kind) and begin <= end
    )


def _header_crc(header: bytes) -> int:
    return zlib.crc32(header[:_GPT_CRC_AT] + bytes(4) + header[_GPT_CRC_AT + 4 :])


def _damaged(actual: str) -> DiskError:
    return DiskError(
        "read the GUID partition table", actual, "Check the disk's format in the image definition."
    )
