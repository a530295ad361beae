"""Which way commands take to QEMU."""

from __future__ import annotations

from enum import StrEnum


class Backend(StrEnum):
    """Straight to its monitor, or through libvirt as a cloud's do."""

    QMP = "qmp"
    LIBVIRT = "libvirt"
