"""The ways in which a host asks a guest to shut down."""

from __future__ import annotations

from enum import StrEnum


class ShutdownMode(StrEnum):
    """By libvirt's words (virsh shutdown --mode; libvirt-domain.h, virDomainShutdownFlagValues)."""

    DEFAULT = "default"
    """The guest agent where one is defined and listens, else the power button."""
    ACPI = "acpi"
    """The power button."""
    AGENT = "agent"
    """The guest agent. In Windows that is ``ExitWindowsEx`` with EWX_FORCE: applications are not
    asked (fact sheet 10, qemu:qga/commands-win32.c)."""
