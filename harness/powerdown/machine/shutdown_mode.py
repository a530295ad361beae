"""The ways in which a host asks a guest to shut down."""

from __future__ import annotations

from enum import StrEnum


class ShutdownMode(StrEnum):
    """Shutdown modes, by libvirt's names (libvirt-domain.h, virDomainShutdownFlagValues)."""

    DEFAULT = "default"
    """The guest agent where one is configured and connected, otherwise the power button."""
    ACPI = "acpi"
    """The power button."""
    AGENT = "agent"
    """The guest agent. In Windows that is ``ExitWindowsEx`` with EWX_FORCE: applications are not
    asked (fact:agent-forces)."""
