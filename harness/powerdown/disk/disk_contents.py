"""The data read from a disk with Windows on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.ntfs.ntfs import NtfsVolumeState
from powerdown.disk.registry_snapshot import RegistrySnapshot

if TYPE_CHECKING:
    from powerdown.disk.history.system_log import SystemLog


@dataclass(frozen=True)
class DiskContents:
    """The answer to a :class:`DiskRequest`.

    :param volume: state of the system volume.
    :param hibernation: state of its ``hiberfil.sys``.
    :param registry: the requested keys that exist.
    :param log: the System event log; ``None`` when it was not requested, or does not exist (with a
        note).
    :param files: size in bytes of each requested file, by its path; ``None`` when it does not
        exist.
    :param notes: remarks, such as what could not be read; those on the registry are in
        ``registry``.
    """

    volume: NtfsVolumeState
    hibernation: Hibernation
    registry: RegistrySnapshot
    log: SystemLog | None = None
    files: Mapping[str, int | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
