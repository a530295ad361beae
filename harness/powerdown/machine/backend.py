"""How the harness controls QEMU."""

from __future__ import annotations

from enum import StrEnum


class Backend(StrEnum):
    """The interface that starts and controls guests."""

    QMP = "qmp"
    """QEMU's own monitor, in a QEMU that the harness starts."""
    LIBVIRT = "libvirt"
