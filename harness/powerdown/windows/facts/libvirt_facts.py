"""What libvirt says of a shutdown."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, FactStatus

SHUTDOWN_FLAGS = Fact(
    "shutdown-flags",
    "virDomainShutdownFlags: default 0 tries the agent, then ACPI; ACPI_POWER_BTN is 1, "
    "GUEST_AGENT 2.",
    FactStatus.DOCUMENTED,
    ("libvirt-domain.h",),
)

DEFAULT_MODE_PRESS = Fact(
    "default-mode-press",
    "Whether the default mode pressed the button shows in QEMU: it then emits `POWERDOWN`.",
    FactStatus.DOCUMENTED,
    (
        "libvirt:qemu_driver.c",
        "qemu:hw/acpi/core.c",
    ),
)

SHUTDOWN_DETAILS = Fact(
    "shutdown-details",
    "libvirt's SHUTDOWN event has FINISHED 0, GUEST 1, HOST 2 and drops QEMU's reason.",
    FactStatus.DOCUMENTED,
    ("libvirt:qemu_process.c",),
)

STOPPED_DETAILS = Fact(
    "stopped-details",
    "STOPPED has SHUTDOWN 0, DESTROYED 1, CRASHED 2, MIGRATED 3, SAVED 4, FAILED 5, "
    "FROM_SNAPSHOT 6.",
    FactStatus.DOCUMENTED,
    ("libvirt-domain.h",),
)

ON_POWEROFF_RESTART = Fact(
    "on-poweroff-restart",
    "`on_poweroff=restart` turns a power-off into a new start.",
    FactStatus.DOCUMENTED,
    ("libvirt documentation",),
)
