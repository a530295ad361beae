"""What was read of a disk with Windows on it."""

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

    :param volume: what the system volume says of itself.
    :param hibernation: what its ``hiberfil.sys`` says.
    :param registry: the keys that were asked for and exist.
    :param log: the System event log; ``None`` when it was not asked for, or there is none (a note
        says so).
    :param files: size in bytes of each file asked for, by the path asked for; ``None`` when there
        is no such file.
    :param notes: what else the reader should know; the registry's own notes are in ``registry``.
    """

    volume: NtfsVolumeState
    hibernation: Hibernation
    registry: RegistrySnapshot
    log: SystemLog | None = None
    files: Mapping[str, int | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
