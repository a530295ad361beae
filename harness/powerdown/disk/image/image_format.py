r"""Which format a disk image has, where nobody says.

A raw disk is written by its guest, which may put the header of another format there: read as that,
the disk would hold whatever file of the host the header names. So a header is believed only where
the name of the file does not speak against it: a file called ``.raw`` or ``.img`` with such a
header has to be given with its format, and so has one of any other name than its format's whose
header names further files. QEMU itself is never asked to guess.

Magics: qemu:docs/interop/qcow2.txt; MS-VHDX, 2.2.1; VMware's "Virtual Disk Format 5.0";
qemu:block/vpc.c. Of raw disks: UEFI specification 2.10, 5.2.1, and NTFS' boot sector.
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
    """The format of an image, by its header and its name.

    :param path: the image, or the newest overlay on it; a block device is a raw disk.
    :raise DiskError: it cannot be read, is no disk image, or could be of more than one format.
    """
    path = path.absolute()
    header = read_layer_header(path)
    named = _SUFFIXES.get(path.suffix.lower())
    raw = path.suffix.lower() in _RAW_SUFFIXES or _is_device(path)
    if header.format is None:
        if named is not None:
            raise _unclear(path, f"it is called {path.suffix} and has not that format's header")
        _check_raw(path, header)
        return DiskFormat.RAW
    if raw or (named is None and header.other_files) or named not in (None, header.format):
        raise _unclear(path, f"it has the header of a {header.format}, and its name says otherwise")
    return header.format


def _check_raw(path: Path, header: LayerHeader) -> None:
    """Have no file taken for a disk that is none.

    :raise DiskError: it is none.
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
            "it is no disk image: neither a known header nor a boot sector is at its start",
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
        f"tell the format of {path}",
        actual,
        "Give it with --format; of a disk that a guest wrote as raw, that is raw whatever its "
        "header says.",
    )
