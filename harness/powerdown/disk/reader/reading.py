r"""Reading disks, hives and logs, within the sandboxed process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.disk.disk_contents import DiskContents
from powerdown.disk.disk_request import DiskRequest
from powerdown.disk.history.system_log import SystemLog, read_system_log
from powerdown.disk.hive.hive import Hive, read_logs
from powerdown.disk.hive.hive_file import BytesSource, Source
from powerdown.disk.hive.hive_logs import LOG_SUFFIXES
from powerdown.disk.hive.registry_reader import (
    DEFAULT,
    EVERY_USER,
    SOFTWARE,
    SYSTEM,
    USERS,
    Mounted,
    read_alone,
    read_registry,
    wanted_mounts,
)
from powerdown.disk.image.disk_image import DiskImage
from powerdown.disk.image.image_format import recognised_format
from powerdown.disk.image.layer_header import read_start
from powerdown.disk.ntfs.windows_volume import WindowsVolume, find_windows
from powerdown.disk.registry_snapshot import RegistrySnapshot
from powerdown.images.image import DiskFormat
from powerdown.windows.settings.key_request import KeyRequest

_CONFIG = r"Windows\System32\config"
_HIVES = {
    SYSTEM: rf"{_CONFIG}\SYSTEM",
    SOFTWARE: rf"{_CONFIG}\SOFTWARE",
    DEFAULT: rf"{_CONFIG}\DEFAULT",
}
_PROFILES = "Users"
_PROFILE_HIVE = "NTUSER.DAT"
_MOST_PROFILES = 200
_SYSTEM_LOG = r"Windows\System32\winevt\Logs\System.evtx"
"""Fact sheet, "Offline", and learn.microsoft.com, "Event logs"."""

_MOST_LOG_BYTES = 256 << 20
"""The default size of the log is 20 MiB."""
_MOST_HIVE_BYTES = 512 << 20
"""For a hive given as a file; on a disk hives are not copied. SOFTWARE of a well-used system has
some 150 MiB."""


def read_disk(
    path: Path,
    format: DiskFormat | None,
    request: DiskRequest,
    volume: int | None,
    deadline: Deadline,
) -> DiskContents:
    """Read the requested data from a disk.

    :param format: its format; ``None`` to detect it.
    :param volume: number of the volume to read, if there are several with Windows.
    :raise DiskError: no Windows can be read from it.
    :raise HostError: a library or qemu-nbd is missing.
    :raise DeadlineExpired: it took too long.
    """
    with (
        DiskImage(path, format or recognised_format(path), deadline) as image,
        find_windows(image, volume) as windows,
    ):
        notes: list[str] = []
        return DiskContents(
            volume=windows.state,
            hibernation=windows.hibernation,
            registry=_registry(windows, request.keys),
            log=_log(windows, request, notes) if request.system_log else None,
            files={path: _size(windows, path, notes) for path in request.files},
            notes=tuple(notes),
        )


def read_hive(path: Path, request: DiskRequest) -> RegistrySnapshot:
    """Read the requested data from a hive in a file of the host, with its logs beside it.

    :raise DiskError: it cannot be read, or is not a hive.
    :raise HostError: a library is missing.
    """

    def logs() -> Iterator[tuple[str, Source]]:
        for suffix in LOG_SUFFIXES:
            log = path.with_name(path.name + suffix)
            if log.is_file():
                yield suffix, _host_file(log, "log")

    hive = Hive(path.name, _host_file(path, "hive"), read_logs(logs))
    return read_alone(hive, path.name, request.keys)


def read_log(path: Path) -> SystemLog:
    """Read an event log in a file of the host.

    :raise DiskError: it cannot be read, or is not an event log.
    """
    return read_system_log(_host_file(path, "event log", _MOST_LOG_BYTES).read_at(0, 1 << 62))


def _host_file(path: Path, what: str, most: int = _MOST_HIVE_BYTES) -> BytesSource:
    try:
        content = read_start(path, most + 1)
    except DiskError as error:
        raise DiskError(f"read {path}", error.actual, f"Give a readable {what}.") from error
    if len(content) > most:
        raise DiskError(f"read {path}", f"it is larger than {most} bytes", f"Give a {what}.")
    return BytesSource(content)


def _registry(windows: WindowsVolume, requests: Sequence[KeyRequest]) -> RegistrySnapshot:
    notes: list[str] = []
    mounted: list[Mounted] = []
    for at, path in _wanted_hives(windows, requests, notes):
        try:
            hive = _hive(windows, path)
        except DiskError as error:
            notes.append(f"{path} could not be read: {error.actual}")
            continue
        if hive is None:
            notes.append(f"there is no {path}")
        else:
            mounted.append(Mounted(at, hive))
    return read_registry(mounted, requests, notes)


def _wanted_hives(
    windows: WindowsVolume, requests: Sequence[KeyRequest], notes: list[str]
) -> Iterator[tuple[str, str]]:
    """The mount point and the file of each requested hive."""
    wanted = wanted_mounts(requests)
    for at, path in _HIVES.items():
        if at in wanted:
            yield at, path
    users = sorted(wanted.difference(_HIVES))
    if f"{USERS}\\{EVERY_USER}" in users:
        users = [f"{USERS}\\{folder}" for folder in _profiles(windows, notes)]
    for at in users:
        folder = at.partition("\\")[2]
        yield at, rf"{_PROFILES}\{folder}\{_PROFILE_HIVE}"


def _profiles(windows: WindowsVolume, notes: list[str]) -> Iterator[str]:
    """The profile folders that contain a hive."""
    try:
        folders = windows.names(_PROFILES)
    except DiskError as error:
        notes.append(f"the users' profiles could not be listed: {error.actual}")
        return
    if len(folders) > _MOST_PROFILES:
        notes.append(f"there are {len(folders)} profiles; only {_MOST_PROFILES} were read")
    for folder in folders[:_MOST_PROFILES]:
        try:
            if windows.find(rf"{_PROFILES}\{folder}\{_PROFILE_HIVE}") is not None:
                yield folder
        except DiskError as error:
            notes.append(f"the profile {folder} could not be read: {error.actual}")


def _hive(windows: WindowsVolume, path: str) -> Hive | None:
    file = windows.find(path)
    if file is None:
        return None

    def logs() -> Iterator[tuple[str, Source]]:
        for suffix in LOG_SUFFIXES:
            log = windows.find(path + suffix)
            if log is not None:
                yield suffix, log

    return Hive(path, file, read_logs(logs))


def _log(windows: WindowsVolume, request: DiskRequest, notes: list[str]) -> SystemLog | None:
    try:
        file = windows.find(_SYSTEM_LOG)
        if file is None:
            notes.append(f"there is no {_SYSTEM_LOG}")
            return None
        if file.size > _MOST_LOG_BYTES:
            notes.append(f"{_SYSTEM_LOG} has {file.size} bytes; only {_MOST_LOG_BYTES} were read")
        return read_system_log(file.read(_MOST_LOG_BYTES), request.log_after)
    except DiskError as error:
        notes.append(f"{_SYSTEM_LOG} could not be read: {error.actual}")
        return None


def _size(windows: WindowsVolume, path: str, notes: list[str]) -> int | None:
    try:
        file = windows.find(path)
    except DiskError as error:
        notes.append(f"whether {path} exists could not be determined: {error.actual}")
        return None
    return None if file is None else file.size
