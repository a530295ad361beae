r"""The volume with Windows, and its files.

NTFS is read by libfsntfs (LGPL, fuzzed by OSS-Fuzz), which is written in C, so a guest's disk is
parsed in a process that may crash (:mod:`sandboxed_reader`). Sizes are not trusted: callers bound
their reads, and the numbers of directory entries and extents are limited.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from powerdown.core.closeable import Closeable
from powerdown.core.errors import DiskError
from powerdown.disk.hiberfil import SIGNATURE_BYTES, Hibernation, hibernation_of
from powerdown.disk.image.partition_file import Disk, PartitionFile
from powerdown.disk.image.partitions import Partition, find_partitions
from powerdown.disk.ntfs.libyal import wrap_errors
from powerdown.disk.ntfs.ntfs import (
    NtfsVolumeState,
    is_bitlocker,
    is_ntfs,
    parse_boot_sector,
    parse_volume_record,
)
from powerdown.disk.ntfs.volume_file import Extent, VolumeFile
from powerdown.disk.optional_module import optional_module

__all__ = ["SYSTEM_HIVE", "Disk", "Extent", "VolumeFile", "WindowsVolume", "find_windows"]

_T = TypeVar("_T")

SYSTEM_HIVE = r"Windows\System32\config\SYSTEM"
"""The file that identifies a volume with Windows."""

_SECTOR = 512
_MOST_NAMES = 20_000


class WindowsVolume(Closeable):
    """An NTFS volume; a context manager.

    :param disk: the disk.
    :param partition: the volume's partition.
    :raise DiskError: it is damaged, or not an NTFS volume.
    :raise HostError: libfsntfs is not installed.
    """

    def __init__(self, disk: Disk, partition: Partition) -> None:
        self.partition = partition
        self.state: NtfsVolumeState = _state(disk, partition)
        module = optional_module("pyfsntfs", "libfsntfs-python")
        # Kept alive: libfsntfs reads from it while the volume is open.
        self._file = PartitionFile(disk, partition)
        self._volume = module.volume()
        _wrapped("open the NTFS volume", lambda: self._volume.open_file_object(self._file))

    def close(self) -> None:
        """Close the volume."""
        _wrapped("close the NTFS volume", self._volume.close)

    @property
    def hibernation(self) -> Hibernation:
        """The state according to its ``hiberfil.sys``.

        :raise DiskError: it cannot be read.
        """
        file = self.find("hiberfil.sys")
        if file is None:
            return Hibernation.NONE
        return hibernation_of(file.size, file.read(SIGNATURE_BYTES))

    def find(self, path: str) -> VolumeFile | None:
        r"""Look up a file or directory.

        :param path: from the volume's root, such as ``Windows\explorer.exe``; case is ignored.
        :return: ``None`` when it does not exist.
        :raise DiskError: the volume is too damaged to tell.
        """
        entry = self._entry(path)
        if entry is None:
            return None
        name = _wrapped("read a file's name", entry.get_name)
        return VolumeFile(entry, name or path.rpartition("\\")[2], self.partition.offset)

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a directory; empty when it does not exist.

        :raise DiskError: it cannot be read.
        """
        entry = self._entry(path)
        if entry is None:
            return ()
        return _wrapped(f"list the directory {path}", lambda: _names(entry))

    def _entry(self, path: str) -> Any:
        return _wrapped(f"find {path}", lambda: self._look_up("\\" + path.strip("\\")))

    def _look_up(self, path: str) -> Any:
        try:
            return self._volume.get_file_entry_by_path(path)
        except OSError:
            # The library reports damage when a file is used as a directory.
            above = path.rpartition("\\")[0]
            if above and self._is_file(above):
                return None
            raise

    def _is_file(self, path: str) -> bool:
        entry = self._look_up(path)
        return entry is None or not entry.has_directory_entries_index()


def find_windows(disk: Disk, wanted: int | None = None) -> WindowsVolume:
    """Find the volume with Windows.

    :param wanted: number of its partition, from 1; ``None`` if there must be only one.
    :raise DiskError: there is none, it is encrypted, or there are several and ``wanted`` is not
        given.
    :raise HostError: libfsntfs is not installed.
    """
    partitions = _partitions(disk)
    if wanted is not None and not 1 <= wanted <= len(partitions):
        raise DiskError(
            f"find Windows on volume {wanted}",
            f"the disk has {len(partitions)} volumes",
            "Give the number of one of them.",
        )
    found: dict[int, WindowsVolume] = {}
    seen: list[str] = []
    for number, partition in enumerate(partitions, start=1):
        if wanted not in (None, number):
            continue
        volume = _windows_on(disk, partition, number, seen)
        if volume is not None:
            found[number] = volume
    if len(found) == 1:
        return next(iter(found.values()))
    for volume in found.values():
        volume.close()
    if found:
        raise DiskError(
            "choose a volume with Windows",
            "there are several: "
            + ", ".join(f"volume {number} {_where(partitions[number - 1])}" for number in found),
            "Give the number of one of them.",
        )
    raise DiskError(
        "find Windows on the disk",
        "; ".join(seen) if seen else "it has no partition table and no volume",
        _remedy(seen),
    )


def _partitions(disk: Disk) -> tuple[Partition, ...]:
    if disk.size < _SECTOR:
        return ()
    first = disk.read(0, _SECTOR)
    if is_ntfs(first) or is_bitlocker(first):
        # A volume without a partition table.
        return (Partition(0, disk.size),)
    return find_partitions(disk.read)


def _windows_on(
    disk: Disk, partition: Partition, number: int, seen: list[str]
) -> WindowsVolume | None:
    """The volume if Windows is on it; otherwise add a description of it to ``seen``."""
    kind = f"volume {number} {_where(partition)} "
    if partition.offset + _SECTOR > disk.size:
        seen.append(kind + "is beyond the end of the disk")
        return None
    first = disk.read(partition.offset, _SECTOR)
    if is_bitlocker(first):
        seen.append(kind + "is encrypted with BitLocker")
        return None
    if not is_ntfs(first):
        seen.append(kind + "is not NTFS")
        return None
    try:
        volume = WindowsVolume(disk, partition)
        if volume.find(SYSTEM_HIVE) is not None:
            return volume
        volume.close()
        seen.append(f"{kind}has no {SYSTEM_HIVE}")
    except DiskError as error:
        seen.append(f"{kind}is damaged NTFS ({error.actual})")
    return None


def _where(partition: Partition) -> str:
    return f"({partition.length / (1 << 30):.1f} GiB at {partition.offset})"


def _remedy(seen: list[str]) -> str:
    if any("BitLocker" in text for text in seen):
        return "Decrypt the volume or suspend BitLocker in the image; keys are not supported."
    if any("damaged" in text for text in seen):
        return "Check the image; its file system is damaged."
    return "Give the disk with Windows on it, and its format."


def _state(disk: Disk, partition: Partition) -> NtfsVolumeState:
    geometry = parse_boot_sector(disk.read(partition.offset, _SECTOR))
    at = partition.offset + geometry.volume_record_at
    return parse_volume_record(disk.read(at, geometry.record_bytes))


def _names(entry: Any) -> tuple[str, ...]:
    count = entry.get_number_of_sub_file_entries()
    if count > _MOST_NAMES:
        raise OSError(f"it would have {count} files")
    names = (entry.get_sub_file_entry(index).get_name() for index in range(count))
    return tuple(name for name in names if name)


def _wrapped(what: str, call: Callable[[], _T]) -> _T:
    return wrap_errors(what, call, "The file system is damaged.")
