"""Whether Windows hibernated, from the first bytes of ``hiberfil.sys``.

``hibr`` or ``HIBR`` marks a saved system (ntfs-3g, libntfs-3g/volume.c,
``ntfs_volume_check_hiberfile``): a full hibernation, or the kernel session of a fast startup; the
signature does not show which. ``wake`` or ``WAKE`` marks a system that was resumed (volatility's
Hiber-Address-Space; Sylve and others, "Modern Windows hibernation file analysis", 2016, which also
has ``RSTR`` for a resume that has begun). From Windows 8 on, resuming zeroes the header.
"""

from __future__ import annotations

from enum import StrEnum

SIGNATURE_BYTES = 4

_HIBERNATED = b"hibr"
_RESUMING = b"rstr"
_RESUMED = (b"wake", bytes(SIGNATURE_BYTES))
_HEADER_BYTES = 4096
"""A smaller file is not this volume's hibernation file (ntfs-3g: "Hibernated non-system
partition")."""


class Hibernation(StrEnum):
    """The state of the system on a volume, according to ``hiberfil.sys``."""

    NONE = "none"
    """There is no ``hiberfil.sys``: hibernation is off."""
    RESUMED = "resumed"
    """It holds no system: never used, or resumed from."""
    HIBERNATED = "hibernated"
    """It holds a system that uses the volume: hibernated, or shut down with fast startup."""
    RESUMING = "resuming"
    """It holds a system whose resume began and did not complete."""
    UNKNOWN = "unknown"
    """Its first bytes are unknown, or it is too short."""

    @property
    def volume_in_use(self) -> bool:
        """Whether a saved system may still have this volume mounted; writing would then damage it.

        An unknown state counts as in use, as a file that is too short does in ntfs-3g.
        """
        return self not in (Hibernation.NONE, Hibernation.RESUMED)


def hibernation_of(size: int | None, first: bytes) -> Hibernation:
    """The state according to a ``hiberfil.sys``.

    :param size: its size in bytes; ``None`` when there is no such file.
    :param first: its first bytes, at least :data:`SIGNATURE_BYTES` if it is that long.
    """
    if size is None:
        return Hibernation.NONE
    signature = first[:SIGNATURE_BYTES].lower()
    if signature == _HIBERNATED:
        return Hibernation.HIBERNATED
    if signature == _RESUMING:
        return Hibernation.RESUMING
    if signature in _RESUMED and size >= _HEADER_BYTES:
        return Hibernation.RESUMED
    return Hibernation.UNKNOWN
