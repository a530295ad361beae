"""The header of one file of a disk image: its format, and the files it refers to.

Layouts: qemu:docs/interop/qcow2.txt; VMware's "Virtual Disk Format 5.0"; MS-VHDX, 2.2.1.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.errors import DiskError
from powerdown.images.image import DiskFormat

HEAD_BYTES = 1 << 16
"""Contains a qcow2's header and extensions, which are in its first cluster, mostly of 64 KiB."""
_MOST_HEADER_BYTES = 1 << 21
"""The largest cluster of a qcow2."""

_QCOW2_MAGIC = b"QFI\xfb"
_QCOW2 = struct.Struct(">4sIQII")
"""Magic, version, offset and length of the backing file's name, cluster bits."""
_QCOW2_INCOMPATIBLE = struct.Struct(">72xQ20xI")
"""In version 3: incompatible features, and the length of the header."""
_QCOW2_V2_BYTES = 72
_QCOW2_DATA_FILE = 1 << 2
_QCOW2_EXTENSION = struct.Struct(">II")
_QCOW2_BACKING_FORMAT = 0xE2792ACA
_QCOW2_MOST_NAME = 1023

_VHDX_MAGIC = b"vhdxfile"
_VMDK_SPARSE = b"KDMV"
_VMDK_SPARSE_DESCRIPTOR = struct.Struct("<12xQ8xQQ")
"""In a sparse extent's header, in sectors: its capacity, and offset and length of its descriptor.
Without a capacity, QEMU takes it as a descriptor only (qemu:block/vmdk.c, vmdk_open_vmdk4)."""
_VMDK_OLD = b"COWD"
_VMDK_DESCRIPTOR = b"# Disk DescriptorFile"
_VMDK_PARENT = re.compile(rb'^\s*parentFileNameHint\s*=\s*"([^"\r\n]*)"', re.MULTILINE)
_VMDK_EXTENT = re.compile(rb'\d\s*[A-Z]+\s*"([^"\r\n]+)')
"""As lenient as QEMU's sscanf, which reads across line ends."""
_VMDK_MOST_DESCRIPTOR = 1 << 20
"""As much of a descriptor as QEMU reads."""
_SECTOR = 512


@dataclass(frozen=True)
class LayerHeader:
    """The header of a file.

    :param format: the format of its magic; ``None`` if unknown, as for raw disks.
    :param backing: name of the backing file, as stored; ``None`` if there is none.
    :param backing_format: the recorded format of the backing file.
    :param data_file: whether its data is in another file (qcow2).
    :param descriptor: whether it only describes a disk whose data is in other files (VMDK).
    :param extents: names of those files.
    :param head: its first bytes.
    """

    format: DiskFormat | None
    head: bytes
    backing: str | None = None
    backing_format: str | None = None
    data_file: bool = False
    descriptor: bool = False
    extents: tuple[str, ...] = ()

    @property
    def other_files(self) -> bool:
        """Whether it refers to other files."""
        return self.backing is not None or self.data_file or self.descriptor


def read_layer_header(path: Path) -> LayerHeader:
    """Read the header of a file.

    :raise DiskError: it cannot be read, or its header is damaged.
    """
    head = read_start(path, HEAD_BYTES)
    if head.startswith(_QCOW2_MAGIC):
        return _qcow2(path, head)
    if head.startswith(_VHDX_MAGIC):
        return LayerHeader(DiskFormat.VHDX, head)
    if head.startswith(_VMDK_OLD):
        return LayerHeader(DiskFormat.VMDK, head)
    if head.startswith(_VMDK_SPARSE):
        text, alone = _sparse_descriptor(path, head)
        return _vmdk(head, text, descriptor=alone)
    if head.startswith(_VMDK_DESCRIPTOR):
        return _vmdk(head, read_start(path, _VMDK_MOST_DESCRIPTOR), descriptor=True)
    return LayerHeader(None, head)


def read_start(path: Path, length: int, offset: int = 0) -> bytes:
    """Read part of a file or a block device; less if it ends before.

    :raise DiskError: it cannot be read, or is neither.
    """
    try:
        # Opening a named pipe would block.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:  # noqa: PTH123
            mode = os.fstat(handle).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
                raise _unreadable(path, "it is neither a file nor a block device")
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except ValueError as error:
        raise _unreadable(path, str(error)) from error


def _qcow2(path: Path, head: bytes) -> LayerHeader:
    if len(head) < _QCOW2_V2_BYTES:
        raise _damaged(path, "its qcow2 header is cut off")
    _, version, name_at, name_bytes, cluster_bits = _QCOW2.unpack_from(head)
    if version not in (2, 3) or not 9 <= cluster_bits <= 21:
        raise _damaged(
            path, f"its header has qcow2 version {version} and clusters of 2^{cluster_bits} bytes"
        )
    cluster = 1 << cluster_bits
    if cluster > len(head):
        head = read_start(path, cluster)
    extensions_at, incompatible = _QCOW2_V2_BYTES, 0
    if version == 3:
        if len(head) < _QCOW2_INCOMPATIBLE.size:
            raise _damaged(path, "its qcow2 header is cut off")
        incompatible, extensions_at = _QCOW2_INCOMPATIBLE.unpack_from(head)
    backing = None
    if name_at:
        if name_bytes > _QCOW2_MOST_NAME or not 0 < name_at <= cluster - name_bytes:
            raise _damaged(path, "the name of its backing file is outside its header")
        backing = os.fsdecode(head[name_at : name_at + name_bytes])
    end = name_at or cluster
    return LayerHeader(
        DiskFormat.QCOW2,
        head,
        backing=backing or None,
        backing_format=_backing_format(head[:end], extensions_at),
        data_file=bool(incompatible & _QCOW2_DATA_FILE),
    )


def _backing_format(head: bytes, at: int) -> str | None:
    while at + _QCOW2_EXTENSION.size <= len(head):
        kind, length = _QCOW2_EXTENSION.unpack_from(head, at)
        at += _QCOW2_EXTENSION.size
        if kind == _QCOW2_BACKING_FORMAT:
            return head[at : at + length].decode("ascii", "replace")
        if kind == 0:
            break
        at += -(-length // 8) * 8
    return None


def _sparse_descriptor(path: Path, head: bytes) -> tuple[bytes, bool]:
    """A sparse extent's descriptor, and whether the file contains nothing else."""
    if len(head) < _VMDK_SPARSE_DESCRIPTOR.size:
        raise _damaged(path, "its VMDK header is cut off")
    capacity, first, sectors = _VMDK_SPARSE_DESCRIPTOR.unpack_from(head)
    if not first or (capacity and not sectors):
        return b"", False
    if max(first, sectors) * _SECTOR > _MOST_HEADER_BYTES:
        raise _damaged(path, f"its VMDK descriptor would have {sectors} sectors at {first}")
    length = sectors * _SECTOR if capacity else _VMDK_MOST_DESCRIPTOR
    return read_start(path, length, first * _SECTOR), not capacity


def _vmdk(head: bytes, text: bytes, *, descriptor: bool = False) -> LayerHeader:
    parent = _VMDK_PARENT.search(text)
    return LayerHeader(
        DiskFormat.VMDK,
        head,
        backing=os.fsdecode(parent.group(1)) or None if parent else None,
        # VMware has no other disk format.
        backing_format=DiskFormat.VMDK if parent else None,
        descriptor=descriptor,
        extents=tuple(map(os.fsdecode, _VMDK_EXTENT.findall(text))) if descriptor else (),
    )


def _unreadable(path: Path, actual: str) -> DiskError:
    return DiskError(f"open {path}", actual, "Give a readable disk image.")


def _damaged(path: Path, actual: str) -> DiskError:
    return DiskError(
        f"open {path}", actual, "The image is damaged; check it with `qemu-img check`."
    )
