"""The sectors to write to a disk to change the registry of the Windows on it.

This part only reads the disk. It runs in the sandboxed reader.
"""

from __future__ import annotations

import base64
import binascii
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from powerdown.core.errors import DiskError
from powerdown.disk.hive.hive_on_disk import HiveOnDisk
from powerdown.disk.hive.hive_writer import HiveValue, HiveWriter
from powerdown.disk.hive.mounted_hives import MountedHives, OpenHive
from powerdown.disk.image.image_reader import SECTOR_BYTES
from powerdown.disk.ntfs.ntfs_journal import JOURNAL_BYTES, journal_is_clean
from powerdown.disk.ntfs.windows_volume import Disk, WindowsVolume
from powerdown.windows.registry_edit import EditAction, RegistryEdit, ValueType

MOST_BYTES = 32 << 20
"""Limit for the sectors to write: edits change a few; the rest is replayed from a hive's logs."""


_FILETIME_OF_UNIX_EPOCH = 116_444_736_000_000_000
"""learn: Converting a time_t value to a FILETIME."""


class DiskInUse(DiskError):
    """The volume was not shut down cleanly, or is used by a hibernated system."""


@dataclass(frozen=True)
class Patch:
    """Sectors to write.

    :param offset: on the disk, in bytes.
    """

    offset: int
    data: bytes


@dataclass(frozen=True)
class EditPlan:
    """The writes for changes of the registry.

    :param patches: in the order in which they must be written.
    :param edits: the requested edits, with resolved paths.
    """

    patches: tuple[Patch, ...]
    edits: tuple[RegistryEdit, ...]


def plan_edits(
    disk: Disk, volume: WindowsVolume, edits: Sequence[RegistryEdit], written_at: int
) -> EditPlan:
    """Plan ``edits``, in their order.

    :param written_at: time of the changes: 100 ns since 1601 (FILETIME).
    :raise DiskError: a hive is missing, damaged or full.
    """
    mounted = MountedHives(volume, written_at)
    resolved = tuple(replace(edit, path=mounted.resolved(edit.path)) for edit in edits)
    changed: list[OpenHive] = []
    for edit in resolved:
        hive, path = mounted.find(edit.path)
        _apply(hive.writer, path, edit)
        if hive not in changed:
            changed.append(hive)
    patches: list[Patch] = []
    for hive in changed:
        hive.cells.seal(hive.stored.newest_log)
        patches += _patches(disk, hive.stored, hive.cells.data)
    if sum(len(patch.data) for patch in patches) > MOST_BYTES:
        raise DiskError(
            "change the registry of a disk",
            f"more than {MOST_BYTES >> 20} MiB would be written, mostly from the logs of its hives",
            "Boot the guest once and shut it down, then try again.",
        )
    return EditPlan(tuple(patches), resolved)


def filetime_now() -> int:
    """The host's time in units of 100 ns since 1601 (FILETIME)."""
    return _FILETIME_OF_UNIX_EPOCH + time.time_ns() // 100


def must_be_unused(volume: WindowsVolume) -> None:
    """Check that a volume was shut down cleanly and no hibernated system uses it.

    :raise DiskInUse: it was not, or one does.
    :raise DiskError: this cannot be determined.
    """
    if volume.state.dirty:
        raise _in_use("its volume is marked dirty: the guest was not shut down cleanly")
    if volume.hibernation.volume_in_use:
        raise _in_use(f"the state of its hiberfil.sys is: {volume.hibernation}")
    journal = volume.find("$LogFile")
    if journal is None:
        raise DiskError(
            "change the registry of a disk", "its volume has no $LogFile", "Check the image."
        )
    if not journal_is_clean(journal.read(JOURNAL_BYTES)):
        raise _in_use("the NTFS journal has changes that are not on the volume: the power was cut")


def _in_use(actual: str) -> DiskInUse:
    return DiskInUse(
        "change the registry of a disk",
        actual,
        "Start the guest and shut it down cleanly first, or inject online.",
    )


def encode(type: ValueType, data: object) -> bytes:
    """The data of a value as stored in a hive.

    :raise DiskError: the data does not fit the type.
    """
    try:
        match type, data:
            case ((ValueType.SZ | ValueType.EXPAND_SZ), str()):
                return f"{data}\0".encode("utf-16-le")
            case _, bytes():
                # Encoded already, for another process.
                return data
            case ValueType.DWORD, int():
                return struct.pack("<I", data)
            case ValueType.QWORD, int():
                return struct.pack("<Q", data)
            case ValueType.MULTI_SZ, tuple():
                return "".join(f"{line}\0" for line in (*data, "")).encode("utf-16-le")
    except (struct.error, UnicodeEncodeError):
        pass
    raise DiskError(
        "change a registry value",
        f"{data!r} is not valid for REG_{type.name}",
        "This is a bug in Powerdown.",
    )


def _apply(hive: HiveWriter, path: str, edit: RegistryEdit) -> None:
    match edit.action:
        case EditAction.CREATE_KEY:
            hive.create_key(path)
        case EditAction.DELETE_KEY:
            hive.delete_key(path)
        case EditAction.DELETE_VALUE:
            hive.delete_value(path, edit.name or "")
        case EditAction.SET_VALUE:
            assert edit.type is not None
            value = HiveValue(edit.name or "", edit.type, encode(edit.type, edit.data))
            hive.set_value(path, value)


def _patches(disk: Disk, hive: HiveOnDisk, data: bytes) -> list[Patch]:
    """The sectors in which ``data`` differs from the file. The first sector of the file, with
    sequence numbers and checksum, is written last, as Windows does."""
    found: list[Patch] = []
    for begin, end in _changed(hive.content, data):
        for offset, at, length in hive.on_disk(begin, end - begin):
            if disk.read(offset, length) != hive.content[at : at + length]:
                raise DiskError(
                    "change a registry hive in its place",
                    "its bytes are not where expected: NTFS stores it encrypted or compressed",
                    "Inject online.",
                )
            found.append(Patch(offset, data[at : at + length]))
    return found[1:] + found[:1]


def _changed(before: bytes, after: bytes) -> Iterator[tuple[int, int]]:
    """Ranges of sectors that differ; the first sector, which always does, is a separate range."""
    begin = None
    for at in range(0, len(after), SECTOR_BYTES):
        end = at + SECTOR_BYTES
        differs = before[at:end] != after[at:end]
        if begin is not None and (not differs or begin == 0):
            yield begin, at
            begin = None
        if differs and begin is None:
            begin = at
    if begin is not None:
        yield begin, len(after)


def edits_to_json(edits: Sequence[RegistryEdit]) -> list[dict[str, Any]]:
    """Edits as JSON, for the pipe to the reader; data is encoded as in a hive."""
    return [
        {
            "action": edit.action,
            "path": edit.path,
            "name": edit.name,
            "type": edit.type,
            "data": None if edit.type is None else encode(edit.type, edit.data).hex(),
        }
        for edit in edits
    ]


def edits_from_json(value: Sequence[Mapping[str, Any]]) -> tuple[RegistryEdit, ...]:
    """The edits in a JSON value of :func:`edits_to_json`; their data is bytes."""
    return tuple(
        RegistryEdit(
            EditAction(each["action"]),
            each["path"],
            each["name"],
            None if each["type"] is None else ValueType(each["type"]),
            None if each["data"] is None else bytes.fromhex(each["data"]),
        )
        for each in value
    )


def plan_to_json(plan: EditPlan) -> dict[str, Any]:
    """A plan as JSON, for the pipe from the reader."""
    return {
        "patches": [
            {"offset": patch.offset, "data": base64.b64encode(patch.data).decode()}
            for patch in plan.patches
        ],
        "paths": [edit.path for edit in plan.edits],
    }


def plan_from_json(value: Any, edits: Sequence[RegistryEdit]) -> EditPlan:
    """The plan in a JSON value of :func:`plan_to_json`, which is not trusted.

    :param edits: the requested edits.
    :raise ValueError: the value has another form.
    """
    patches = tuple(_patch(each) for each in value["patches"])
    paths = value["paths"]
    if len(paths) != len(edits) or not all(isinstance(path, str) for path in paths):
        raise ValueError("not as many paths as edits")
    resolved = (replace(edit, path=path) for edit, path in zip(edits, paths, strict=True))
    return EditPlan(patches, tuple(resolved))


def _patch(value: Mapping[str, Any]) -> Patch:
    try:
        data = base64.b64decode(value["data"], validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError(str(error)) from error
    offset = value["offset"]
    aligned = isinstance(offset, int) and offset % SECTOR_BYTES == 0 <= offset
    if not aligned or not data or len(data) % SECTOR_BYTES:
        raise ValueError("a patch that is not whole sectors")
    return Patch(offset, data)
