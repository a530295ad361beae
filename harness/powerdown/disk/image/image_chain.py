"""A disk image with all overlays' base images, as QEMU is told to open it.

Left alone, QEMU follows what each header says: it guesses the format of a base image that an
overlay does not tell, and opens whatever a name is the address of. So every layer is named here
with its format; a base of which none is recorded has to be one that is recognised for sure
(:mod:`image_format`), and names that are no plain file names are refused. So are
extents of a VMDK that lie elsewhere: an image from a stranger could name any file of the host.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

from powerdown.core.errors import DiskError
from powerdown.disk.image.image_format import recognised_format
from powerdown.disk.image.layer_header import LayerHeader, read_layer_header
from powerdown.images.image import DiskFormat

_MOST_LAYERS = 200
_PROTOCOL = re.compile(r"[A-Za-z0-9+_.-]+:")
"""QEMU takes what precedes the first colon for a protocol, if no slash comes before it."""
_FILE_PROTOCOL = "file:"


def block_node(path: Path, format: DiskFormat, *, writable: bool = False) -> dict[str, object]:
    """QEMU's options of the block node that is this disk, as ``blockdev-add`` has them.

    :param path: the image, or the newest overlay on it; absolute.
    :param writable: whether the newest layer may be written.
    :raise DiskError: the chain cannot be followed.
    """
    return _layer(path, format, writable=writable, seen=())


def _layer(
    path: Path, format: DiskFormat, *, writable: bool, seen: tuple[Path, ...]
) -> dict[str, object]:
    header = read_layer_header(path)
    if path.resolve() in seen or len(seen) > _MOST_LAYERS:
        raise _refused(path, "its chain of base images has no end")
    node: dict[str, object] = {"driver": str(format), "file": _file(path)}
    if not writable:
        # A QEMU that is paused may hold it locked for writing.
        node |= {"read-only": True, "force-share": True}
    if format is DiskFormat.RAW:
        return node
    if header.format is not format:
        raise DiskError(
            f"open {path}", f"it has not the header of a {format}", "Check the image's format."
        )
    if header.data_file:
        raise _refused(path, "it keeps its data in a further file")
    for name in header.extents:
        if "/" in name:
            raise _refused(path, f"it keeps its data in {name!r}, outside its own folder")
    if format is DiskFormat.VHDX:
        return node
    node["backing"] = None
    if header.backing is not None:
        base = _backing_path(path, header.backing)
        node["backing"] = _layer(
            base,
            _backing_format(path, base, header),
            writable=False,
            seen=(*seen, path.resolve()),
        )
    return node


def _file(path: Path) -> dict[str, object]:
    try:
        device = stat.S_ISBLK(path.stat().st_mode)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    return {"driver": "host_device" if device else "file", "filename": str(path)}


def _backing_path(path: Path, name: str) -> Path:
    name = name.removeprefix(_FILE_PROTOCOL)
    if _PROTOCOL.match(name) or not name.isprintable():
        raise _refused(path, f"its base image is called {name!r}, which is no file name")
    return path.parent / name


def _backing_format(path: Path, base: Path, header: LayerHeader) -> DiskFormat:
    if header.backing_format is None:
        return recognised_format(base)
    try:
        return DiskFormat(header.backing_format)
    except ValueError as error:
        raise _refused(path, f"its base image has the format {header.backing_format!r}") from error


def _refused(path: Path, actual: str) -> DiskError:
    return DiskError(
        f"open {path}",
        actual,
        "Check it with `qemu-img info --backing-chain`; `qemu-img convert` makes one file of it.",
    )
