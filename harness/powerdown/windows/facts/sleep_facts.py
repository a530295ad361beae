"""Sleep, hibernation and fast startup."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, Status

S3_S4_DEFAULTS = Fact(
    "s3-s4-defaults",
    "QEMU offers S3 and S4 unless `disable_s3` or `disable_s4` of ICH9-LPC or PIIX4_PM says "
    "otherwise; libvirt sets them by `<pm>`.",
    Status.DOCUMENTED,
    ("qemu:hw/acpi/ich9.c, piix4.c", "libvirt documentation"),
)

NO_S4_NO_FAST_STARTUP = Fact(
    "no-s4-no-fast-startup",
    "Without S4 there is no fast startup.",
    Status.REPORTED,
    ("lxc/incus#1820",),
)

SLEEP_SETTINGS = Fact(
    "sleep-settings",
    "Sleep sub-group 238c9fa8-0aad-41ed-83f4-97be242c8f20: STANDBYIDLE "
    "29f6c1db-86da-48c5-9fdb-f2b67b1f44da and HIBERNATEIDLE "
    "9d7815a6-7ee4-497e-8888-515a05f02364, seconds, 0 is never.",
    Status.DOCUMENTED,
    ("learn: power settings",),
)

SLEEP_IDLE_DEFAULT = Fact(
    "sleep-idle-default",
    "STANDBYIDLE defaults to 1800/900 s on client hives and 0/0 on a 2008 R2 hive.",
    Status.SEEN,
    ("hives",),
)

HIBERNATE_SWITCH = Fact(
    "hibernate-switch",
    "`powercfg /hibernate on` and `off` make and remove hiberfil.sys; off removes fast startup "
    "too.",
    Status.DOCUMENTED,
    ("learn: powercfg command-line options",),
)

HIBERNATE_VALUES = Fact(
    "hibernate-values",
    r"`CCS\Control\Power` `HibernateEnabled`, and `HibernateEnabledDefault` of newer "
    "releases, store it.",
    Status.SEEN,
    ("hives",),
)

FAST_STARTUP_VALUE = Fact(
    "fast-startup-value",
    r"`CCS\Control\Session Manager\Power` `HiberbootEnabled` (REG_DWORD) turns fast startup "
    r"on; `POL\Windows\System` has a policy of the same name.",
    Status.DOCUMENTED,
    ("learn: Fast startup",),
)

FAST_STARTUP_SCOPE = Fact(
    "fast-startup-scope",
    "A user's shutdown is hybrid, one by the API and a restart are full.",
    Status.DOCUMENTED,
    ("learn: Fast startup",),
)

FAST_STARTUP_PRESS = Fact(
    "fast-startup-press",
    "Whether a press shuts down in full with fast startup on is not known: `SUSPEND_DISK`, or "
    "42 without 13, tells.",
    Status.UNCONFIRMED,
    (),
)

HIBERNATED_VOLUME = Fact(
    "hibernated-volume",
    "A hibernated or hybrid system keeps its mounted volume in hiberfil.sys: nothing may be "
    "written to the disk meanwhile.",
    Status.DOCUMENTED,
    ("ntfs-3g manual",),
)

HIBERNATE_DEFAULT = Fact(
    "hibernate-default",
    "Where `HibernateEnabled` and `HibernateEnabledDefault` are absent, hibernation is as the "
    "release's setup chose.",
    Status.UNCONFIRMED,
    (),
)

HIBERFIL_AT_BOOT = Fact(
    "hiberfil-at-boot",
    "Windows makes a missing hiberfil.sys at the start that finds `HibernateEnabled` 1.",
    Status.UNCONFIRMED,
    (),
)

FACTS = (
    S3_S4_DEFAULTS,
    NO_S4_NO_FAST_STARTUP,
    SLEEP_SETTINGS,
    SLEEP_IDLE_DEFAULT,
    HIBERNATE_SWITCH,
    HIBERNATE_VALUES,
    FAST_STARTUP_VALUE,
    FAST_STARTUP_SCOPE,
    FAST_STARTUP_PRESS,
    HIBERNATED_VOLUME,
    HIBERNATE_DEFAULT,
    HIBERFIL_AT_BOOT,
)
"""In the order of ``docs/windows-facts.md``."""
