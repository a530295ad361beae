"""How a press of the power button gets from QEMU to Windows."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, FactStatus

PRESS_PROVES_NOTHING = Fact(
    "press-proves-nothing",
    "`system_powerdown` succeeds and `POWERDOWN` is emitted whatever the guest does.",
    FactStatus.DOCUMENTED,
    ("qemu:hw/acpi/core.c",),
)

PRESS_NEEDS_ARMING = Fact(
    "press-needs-arming",
    "QEMU raises PWRBTN_STS only if the guest has set PM1_EN.PWRBTN_EN; before that a press is "
    "lost without a trace.",
    FactStatus.DOCUMENTED,
    ("qemu:hw/acpi/core.c",),
)

EARLY_PRESS_LOST = Fact(
    "early-press-lost",
    "Presses sent just after a guest was started are lost in practice.",
    FactStatus.REPORTED,
    ("ScaleComputing/HyperCoreAnsibleCollection#293",),
)

FIXED_POWER_BUTTON = Fact(
    "fixed-power-button",
    "QEMU's x86 FADT declares a fixed power button and no fixed sleep button.",
    FactStatus.DOCUMENTED,
    ("qemu:hw/i386/acpi-build.c",),
)

SLEEP_TYPE_EVENTS = Fact(
    "sleep-type-events",
    "SLP_TYP 0 gives `SHUTDOWN` with `guest: true` and reason `guest-shutdown`, 1 gives "
    "`SUSPEND`, 2 gives `SUSPEND_DISK` and then `SHUTDOWN`; so a shutdown is `SHUTDOWN` without "
    "`SUSPEND_DISK`.",
    FactStatus.DOCUMENTED,
    ("qemu:hw/acpi/core.c",),
)

RESTART_AS_SHUTDOWN = Fact(
    "restart-as-shutdown",
    "A QEMU that was told not to reboot (`-no-reboot`, `-action reboot=shutdown`) takes a guest's "
    "reset for its own end: it emits `SHUTDOWN` with reason `guest-reset` and no `RESET`.",
    FactStatus.DOCUMENTED,
    ("qemu:system/runstate.c",),
)

UEFI_RESET_SYSTEM = Fact(
    "uefi-reset-system",
    "Windows on UEFI powers off by ResetSystem and does not fall back to ACPI.",
    FactStatus.REPORTED,
    ("cloud-hypervisor/rust-hypervisor-firmware#422",),
)

NO_GED_BUTTON = Fact(
    "no-ged-button",
    "Windows has no driver for the power button of ACPI's generic event device: it needs the "
    "fixed button of q35 or pc.",
    FactStatus.REPORTED,
    ("cloud-hypervisor#7929",),
)

SUSPENDED_PRESS_LATCHED = Fact(
    "suspended-press-latched",
    "A suspended guest's CPUs stand still, so a press only sets the status bit; `system_wakeup` "
    "wakes it, and is an error for a guest that is not suspended.",
    FactStatus.DOCUMENTED,
    ("qemu:system/runstate.c",),
)
