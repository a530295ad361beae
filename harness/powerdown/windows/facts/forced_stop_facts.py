"""Forced stops, and what they leave."""

from __future__ import annotations

from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

FORCED_STOP_EVENTS = Fact(
    "forced-stop-events",
    "QMP `quit` gives reason host-qmp-quit, `system_reset` gives `RESET` host-qmp-system-reset, "
    "SIGTERM host-signal; virDomainDestroy gives STOPPED/DESTROYED.",
    FactStatus.DOCUMENTED,
    (
        "qemu:qapi/run-state.json",
        "libvirt",
    ),
)

RECORD_41 = Fact(
    "record-41",
    "The next start records Kernel-Power 41 with BugcheckCode, SleepInProgress and "
    "PowerButtonTimestamp among its fields.",
    FactStatus.DOCUMENTED,
    ("etw: Kernel-Power",),
)

RECORD_41_KILL = Fact(
    "record-41-kill",
    "After a loss of power BugcheckCode and PowerButtonTimestamp are 0, or there is only 6008.",
    FactStatus.SEEN,
    (
        "sup: event-id-41-restart",
        "logs",
    ),
)

RECORD_41_HELD_BUTTON = Fact(
    "record-41-held-button",
    "A held button leaves a PowerButtonTimestamp that is not 0.",
    FactStatus.SEEN,
    (
        "sup: event-id-41-restart",
        "logs",
    ),
)

RECORD_41_SHORT_PRESS = Fact(
    "record-41-short-press",
    "After a short press and then a loss of power, 41 has PowerButtonTimestamp 0.",
    FactStatus.UNCONFIRMED,
    ("sup: event-id-41-restart",),
    experiment=Experiment(
        set_up="Set the power button to do nothing.",
        action="Press it, cut the power ten seconds later, start the guest and read 41.",
        shows="PowerButtonTimestamp is 0; if not, a press before a cut looks like a held button.",
    ),
)

RECORD_BUGCHECK = Fact(
    "record-bugcheck",
    "After a stop the next start records 1001 (WER-SystemErrorReporting) and 41 with its code; "
    "volmgr 46 says that no dump could be set up.",
    FactStatus.DOCUMENTED,
    ("sup: event-id-41-restart",),
)

BUGCHECK_RECORD_LATE = Fact(
    "bugcheck-record-late",
    "The 1001 of a stop may be written to the System log later than 41 of the same start.",
    FactStatus.UNCONFIRMED,
    (),
    experiment=Experiment(
        set_up="Let the guest write a kernel dump, and stop it by `inject-nmi`.",
        action="From its next start on, read the System log every second for five minutes.",
        shows="For some seconds 41 is there and 1001 is not.",
    ),
)

CRASH_LIKE_POWER_LOSS = Fact(
    "crash-like-power-loss",
    "A crash whose code could not be written leaves the same records as a loss of power.",
    FactStatus.DOCUMENTED,
    ("sup: event-id-41-restart",),
)

NTFS_DIRTY_FLAG = Fact(
    "ntfs-dirty-flag",
    "MFT record 3, `$Volume`, attribute 0x70: flags at offset 0x0A, bit 0x0001 is dirty.",
    FactStatus.DOCUMENTED,
    (
        "NTFS documentation of libfsntfs",
        "ColinFinck/ntfs",
    ),
)

KILL_LEAVES_CLEAN = Fact(
    "kill-leaves-clean",
    "A plain kill often leaves the dirty bit clear, and replay of `$LogFile` hides it from "
    "`fsutil` afterwards.",
    FactStatus.UNCONFIRMED,
    ("administrators' reports",),
    experiment=Experiment(
        set_up="Start the guest and write files to C: in a loop.",
        action=(
            "Kill QEMU, read the flag from the disk, start the guest, and run `fsutil dirty "
            "query C:`; ten times."
        ),
        shows=(
            "In most rounds the flag is clear on the disk; where it is set, `fsutil` says that "
            "the volume is not dirty."
        ),
    ),
)

FSUTIL_DIRTY = Fact(
    "fsutil-dirty",
    "`fsutil dirty query C:` prints whether the volume is dirty, in words that are localised and "
    "vary.",
    FactStatus.DOCUMENTED,
    ("srv: fsutil dirty",),
)

NEWEST_WRITES = Fact(
    "newest-writes",
    "After a hard stop the newest writes may be in a hive's .LOG1 and .LOG2 and in the volume's "
    "journal only.",
    FactStatus.DOCUMENTED,
    (
        "msuhanov/regf",
        "NTFS documentation",
    ),
)
