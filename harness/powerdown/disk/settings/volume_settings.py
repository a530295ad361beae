"""The state of the system volume, as settings."""

from __future__ import annotations

from collections.abc import Iterator

from powerdown.disk.hiberfil import Hibernation
from powerdown.disk.ntfs.ntfs import NtfsVolumeState
from powerdown.windows.settings.readings import Group, Origin, Reading


def volume_settings(volume: NtfsVolumeState, hibernation: Hibernation) -> Iterator[Reading]:
    """Its dirty flag (fact:ntfs-dirty-flag), and whether a saved system holds it
    (fact:hibernated-volume)."""
    yield Reading(
        "volume-dirty",
        Group.VOLUME,
        "marked dirty",
        volume.dirty,
        "yes" if volume.dirty else "no",
        Origin.VOLUME,
        raw=f"$Volume flags 0x{volume.flags:04x}",
        note="" if volume.dirty else "a power cut may leave it unmarked",
    )
    yield Reading(
        "hibernated",
        Group.VOLUME,
        "saved system",
        str(hibernation),
        str(hibernation),
        Origin.VOLUME,
        raw="hiberfil.sys" if hibernation is not Hibernation.NONE else None,
    )
    yield Reading(
        "ntfs-version",
        Group.VOLUME,
        "NTFS version",
        f"{volume.version[0]}.{volume.version[1]}",
        f"{volume.version[0]}.{volume.version[1]}",
        Origin.VOLUME,
    )
