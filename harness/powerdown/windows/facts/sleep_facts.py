"""Sleep, hibernation and fast startup."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

S3_S4_DEFAULTS = Fact(
    "s3-s4-defaults",
    "QEMU offers S3 and S4 unless `disable_s3` or `disable_s4` of ICH9-LPC or PIIX4_PM says "
    "otherwise; libvirt sets them by `<pm>`.",
    FactStatus.DOCUMENTED,
    (
        "qemu:hw/acpi/ich9.c, piix4.c",
        "libvirt documentation",
    ),
)

NO_S4_NO_FAST_STARTUP = Fact(
    "no-s4-no-fast-startup",
    "Without S4 there is no fast startup.",
    FactStatus.REPORTED,
    ("lxc/incus#1820",),
)

SLEEP_SETTINGS = Fact(
    "sleep-settings",
    "Sleep sub-group 238c9fa8-0aad-41ed-83f4-97be242c8f20: STANDBYIDLE "
    "29f6c1db-86da-48c5-9fdb-f2b67b1f44da and HIBERNATEIDLE "
    "9d7815a6-7ee4-497e-8888-515a05f02364, seconds, 0 is never.",
    FactStatus.DOCUMENTED,
    ("learn: power settings",),
)

SLEEP_IDLE_DEFAULT = Fact(
    "sleep-idle-default",
    "STANDBYIDLE defaults to 1800/900 s on client hives and 0/0 on a 2008 R2 hive.",
    FactStatus.SEEN,
    ("hives",),
)

HIBERNATE_SWITCH = Fact(
    "hibernate-switch",
    "`powercfg /hibernate on` and `off` make and remove hiberfil.sys; off removes fast startup "
    "too.",
    FactStatus.DOCUMENTED,
    ("learn: powercfg command-line options",),
)

HIBERNATE_VALUES = Fact(
    "hibernate-values",
    r"`CCS\Control\Power` `HibernateEnabled`, and `HibernateEnabledDefault` of newer releases, "
    "store whether hibernation is on.",
    FactStatus.SEEN,
    ("hives",),
)

HIBERNATION_FILE_MADE = Fact(
    "hibernation-file-made",
    "With `HibernateEnabled` 1 written while the guest is off, Windows makes hiberfil.sys at its "
    "next start.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up=(
            "Run `powercfg /hibernate off`, shut down, and write `HibernateEnabled` 1 to the "
            "hive of the disk at rest."
        ),
        action=r"Start the guest and run `powercfg /a` and `dir /a C:\hiberfil.sys`.",
        shows="Hibernation is available and the file is there.",
    ),
)

HIBERNATE_DEFAULT = Fact(
    "hibernate-default",
    "Where `HibernateEnabled` and `HibernateEnabledDefault` are absent, hibernation is as the "
    "release's setup chose.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Note what `powercfg /a` says of hibernation on a fresh installation.",
        action=(
            "Delete both values on the disk at rest, start the guest, and run `powercfg /a` again."
        ),
        shows="It says the same.",
    ),
)

FAST_STARTUP_VALUE = Fact(
    "fast-startup-value",
    r"`CCS\Control\Session Manager\Power` `HiberbootEnabled` (REG_DWORD) turns fast startup on; "
    r"`POL\Windows\System` has a policy of the same name.",
    FactStatus.DOCUMENTED,
    ("learn: Fast startup",),
)

FAST_STARTUP_SCOPE = Fact(
    "fast-startup-scope",
    "A user's shutdown is hybrid, one by the API and a restart are full.",
    FactStatus.DOCUMENTED,
    ("learn: Fast startup",),
)

FAST_STARTUP_PRESS = Fact(
    "fast-startup-press",
    "With fast startup on, a press of the button starts a hybrid shutdown, not a full one.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Turn hibernation and fast startup on, and set the button to shut down.",
        action="Press the button and watch QMP; start the guest and read the System log.",
        shows=(
            "QMP reports `SUSPEND_DISK`, or the log has Kernel-Power 42 and no Kernel-General "
            "13; a full shutdown has a 13 and no `SUSPEND_DISK`."
        ),
    ),
)

HIBERNATED_VOLUME = Fact(
    "hibernated-volume",
    "A hibernated or hybrid system keeps its mounted volume in hiberfil.sys: nothing may be "
    "written to the disk meanwhile.",
    FactStatus.DOCUMENTED,
    ("ntfs-3g manual",),
)
