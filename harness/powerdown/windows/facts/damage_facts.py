"""Crashes, missing rights and other damage."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

CRASH_KEYS = Fact(
    "crash-keys",
    r"`CrashOnCtrlScroll` 1 below `kbdhid\Parameters` (USB) or `i8042prt\Parameters` (PS/2) stops "
    "the system with 0xE2 at right Ctrl and Scroll Lock twice, after a restart.",
    FactStatus.DOCUMENTED,
    ("ddk: forcing a system crash from the keyboard",),
)

NMI_STOP = Fact(
    "nmi-stop",
    "A non-maskable interrupt stops the system with 0x80.",
    FactStatus.DOCUMENTED,
    ("learn: NMI_HARDWARE_FAILURE error when an NMI is triggered on Windows",),
)

PANIC_REPORT = Fact(
    "panic-report",
    "hv-crash reports a stop as `GUEST_PANICKED` with the stop code and four parameters, without "
    "a driver in the guest; pvpanic needs one.",
    FactStatus.DOCUMENTED,
    (
        "qemu:docs/system/i386/hyperv.rst",
        "virtio-win",
    ),
)

PANIC_ACTION = Fact(
    "panic-action",
    "By default QEMU ends the guest at a panic before it can dump; `-action panic=none` lets it "
    "dump, `pause` keeps the evidence.",
    FactStatus.DOCUMENTED,
    ("qemu:qapi/run-state.json",),
)

ABORT_SHUTDOWN = Fact(
    "abort-shutdown",
    "`shutdown /a` and AbortSystemShutdown abort a shutdown that still counts down; 1075 records "
    "it.",
    FactStatus.DOCUMENTED,
    ("learn: AbortSystemShutdownW function",),
)

RIGHT_REMOVED = Fact(
    "right-removed",
    "Without SeShutdownPrivilege the API refuses with error 1314 and 1073 records it.",
    FactStatus.DOCUMENTED,
    (
        "learn: Shut down the system",
        "secedit",
    ),
)

RIGHT_AND_BUTTON = Fact(
    "right-and-button",
    "The button does not need SeShutdownPrivilege of the user who is logged on.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Take the right to shut down from everyone by `secedit`, and log a user on.",
        action="Press the button.",
        shows="The guest powers off.",
    ),
)

SYSTEM_HAS_RIGHT = Fact(
    "system-has-right",
    "LocalSystem has the right whatever the policy says.",
    FactStatus.DOCUMENTED,
    ("learn: LocalSystem Account",),
)

CORE_PROCESS_END = Fact(
    "core-process-end",
    "Where lsass.exe ends, Windows restarts within a minute: Wininit 1015 and 1074 by wininit.exe.",
    FactStatus.SEEN,
    ("logs",),
)

ANNOUNCED_RESTART_PRESS = Fact(
    "announced-restart-press",
    "While the restart after the end of lsass.exe is announced, a press of the button has no "
    "effect.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Log a user on, and end lsass.exe.",
        action="Press the button as soon as the announcement is on the screen.",
        shows="The guest restarts at the announced time and does not power off.",
    ),
)

BOOT_FAILURE = Fact(
    "boot-failure",
    "A guest that does not boot never arms the button; Windows offers repair after about two "
    "failed boots.",
    FactStatus.REPORTED,
    (
        "ddk: bcdedit set",
        "administrators' reports",
    ),
)

FULL_VOLUME = Fact(
    "full-volume",
    "A full system volume does not keep Windows from shutting down.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Fill drive C: to the last byte with `fsutil file createnew`.",
        action="Press the button.",
        shows="The guest powers off within its usual time.",
    ),
)

LATCHED_PRESS = Fact(
    "latched-press",
    "PWRBTN_STS stays set until the guest's ACPI handler clears it: a guest whose press stays "
    "latched services no interrupts.",
    FactStatus.DOCUMENTED,
    (
        "ACPI 6.5, 4.8.4",
        "qemu:hw/acpi/core.c",
    ),
)

SETUP_IGNORES = Fact(
    "setup-ignores",
    "A guest in Sysprep or its first start may ignore a shutdown.",
    FactStatus.REPORTED,
    ("qcloud-documents 213/2917",),
)

OOBE_VALUE = Fact(
    "oobe-value",
    r"`HKLM\SYSTEM\Setup` `OOBEInProgress` 1 marks an out-of-box experience that is not finished.",
    FactStatus.UNCONFIRMED,
    (
        "hives",
        "public scripts",
    ),
    experiment=Experiment(
        set_up="Run Sysprep with `/generalize /oobe /shutdown` on a guest.",
        action=(
            "Read the value on the disk at rest, at the first screen of the next start, and "
            "after the first logon."
        ),
        shows="It is 1 the first two times and 0, or absent, the third.",
    ),
)
