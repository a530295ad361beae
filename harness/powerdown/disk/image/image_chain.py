"""A disk image with its chain of base images, as QEMU block options.

By default QEMU follows each header: it guesses the format of a base image that an overlay does not
record, and opens whatever its name refers to. So every layer is given here with its format; a base
without a recorded format must be recognised with certainty (:mod:`image_format`), and names other
than plain file names are refused. So are extents of a VMDK in other directories: an untrusted image
could name any file of the host.
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
"""QEMU takes the part before the first colon as a protocol, if it contains no slash."""
_FILE_PROTOCOL = "file:"


def block_node(path: Path, format: DiskFormat, *, writable: bool = False) -> dict[str, object]:
    """QEMU's options for a block node of this disk, as for ``blockdev-add``.

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
        raise _refused(path, "its chain of base images is circular or too long")
    node: dict[str, object] = {"driver": str(format), "file": _file(path)}
    if not writable:
        # A paused QEMU may have it locked for writing.
        node |= {"read-only": True, "force-share": True}
    if format is DiskFormat.RAW:
        return node
    if header.format is not format:
        raise DiskError(
            f"open {path}", f"it does not have a {format} header", "Check the image's format."
        )
    if header.data_file:
        raise _refused(path, "it keeps its data in another file")
    for name in header.extents:
        if "/" in name:
            raise _refused(path, f"it keeps its data in {name!r}, outside its own directory")
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
        raise _refused(path, f"its base image is called {name!r}, which is not a plain file name")
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
        "Check it with `qemu-img info --backing-chain`; `qemu-img convert` makes it a single file.",
    )
