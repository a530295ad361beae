r"""Detection of a disk image's format, where it is not given.

A guest can write the header of another format to its raw disk; opened as that format, the disk
would contain any file of the host that the header names. So a header is trusted only if the file's
name does not contradict it: the format must be given for a ``.raw`` or ``.img`` file with such a
header, and for a file without its format's suffix whose header names other files. QEMU itself never
guesses.

Magics: qemu:docs/interop/qcow2.txt; MS-VHDX, 2.2.1; VMware's "Virtual Disk Format 5.0";
qemu:block/vpc.c. For raw disks: UEFI specification 2.10, 5.2.1, and NTFS' boot sector.
"""

from __future__ import annotations

import stat
from pathlib import Path

from powerdown.core.errors import DiskError
from powerdown.disk.image.layer_header import LayerHeader, read_layer_header
from powerdown.images.image import DiskFormat

_SUFFIXES = {
    ".qcow2": DiskFormat.QCOW2,
    ".qcow": DiskFormat.QCOW2,
    ".vhdx": DiskFormat.VHDX,
    ".vmdk": DiskFormat.VMDK,
}
_RAW_SUFFIXES = (".raw", ".img", ".dd", ".ntfs", ".bin")
_BOOT_SIGNATURE = b"\x55\xaa"
_BOOT_SIGNATURE_AT = 510
_VHD = b"conectix"
_VHD_FOOTER_BYTES = 512


def recognised_format(path: Path) -> DiskFormat:
    """Detect the format of an image from its header and its name.

    :param path: the image, or the newest overlay on it; a block device is a raw disk.
    :raise DiskError: it cannot be read, is not a disk image, or its format is ambiguous.
    """
    path = path.absolute()
    header = read_layer_header(path)
    named = _SUFFIXES.get(path.suffix.lower())
    raw = path.suffix.lower() in _RAW_SUFFIXES or _is_device(path)
    if header.format is None:
        if named is not None:
            raise _unclear(
                path, f"its name ends in {path.suffix}, but it does not have that format's header"
            )
        _check_raw(path, header)
        return DiskFormat.RAW
    if raw or (named is None and header.other_files) or named not in (None, header.format):
        raise _unclear(path, f"it has a {header.format} header, which does not match its name")
    return header.format


def _check_raw(path: Path, header: LayerHeader) -> None:
    """Check that a file without a known header is a raw disk.

    :raise DiskError: it is not.
    """
    if header.head.startswith(_VHD) or _footer(path).startswith(_VHD):
        raise DiskError(
            f"open {path}",
            "it is a VHD, the format before VHDX",
            "Convert it: qemu-img convert -f vpc -O qcow2.",
        )
    signature = header.head[_BOOT_SIGNATURE_AT:][: len(_BOOT_SIGNATURE)]
    if signature != _BOOT_SIGNATURE:
        raise DiskError(
            f"open {path}",
            "it is not a disk image: it starts with neither a known header nor a boot sector",
            "Give a qcow2, raw, VHDX or VMDK image, or its format with --format.",
        )


def _footer(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _VHD_FOOTER_BYTES))
            return file.read(_VHD_FOOTER_BYTES)
    except OSError as error:
        raise DiskError(
            f"open {path}", error.strerror or str(error), "Give a readable disk image."
        ) from error


def _is_device(path: Path) -> bool:
    return stat.S_ISBLK(path.stat().st_mode)


def _unclear(path: Path, actual: str) -> DiskError:
    return DiskError(
        f"detect the format of {path}",
        actual,
        "Give it with --format; a disk that a guest wrote as raw is raw, whatever its header.",
    )
