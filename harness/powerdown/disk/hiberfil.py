"""Whether Windows hibernated, from the first bytes of ``hiberfil.sys``.

``hibr`` or ``HIBR`` marks a saved system (ntfs-3g, libntfs-3g/volume.c,
``ntfs_volume_check_hiberfile``): a full one, or the kernel's of a fast startup's shutdown; the
file's signature does not tell which. ``wake`` or ``WAKE`` stands there once it was resumed
(volatility's Hiber-Address-Space; Sylve and others, "Modern Windows hibernation file analysis",
2016, which also has ``RSTR`` for a resume that has begun). From Windows 8 on, resuming zeroes the
header.
"""

from __future__ import annotations

from enum import StrEnum

SIGNATURE_BYTES = 4

_HIBERNATED = b"hibr"
_RESUMING = b"rstr"
_RESUMED = (b"wake", bytes(SIGNATURE_BYTES))
_HEADER_BYTES = 4096
"""Less is no hibernation file of this volume (ntfs-3g says "Hibernated non-system partition")."""


class Hibernation(StrEnum):
    """What ``hiberfil.sys`` says of the system on its volume."""

    NONE = "none"
    """There is no ``hiberfil.sys``: hibernation is off."""
    RESUMED = "resumed"
    """There is one that holds no system: never used, or resumed from."""
    HIBERNATED = "hibernated"
    """It holds a system: hibernated, or shut down with fast startup. The volume is in use by it."""
    RESUMING = "resuming"
    """It holds a system whose resume began and did not end."""
    UNKNOWN = "unknown"
    """Its first bytes are none of the known ones, or it is too short to hold them."""

    @property
    def volume_in_use(self) -> bool:
        """Whether a saved system may still hold this volume mounted, so that writing destroys it.

        What is unknown counts as in use, as ntfs-3g counts a file that is too short.
        """
        return self not in (Hibernation.NONE, Hibernation.RESUMED)


def hibernation_of(size: int | None, first: bytes) -> Hibernation:
    """What a ``hiberfil.sys`` says.

    :param size: its size in bytes; ``None`` when there is none.
    :param first: its first bytes, at least :data:`SIGNATURE_BYTES` where it has as many.
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
