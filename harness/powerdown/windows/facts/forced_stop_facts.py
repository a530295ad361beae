"""Forced stops and what they leave."""

from __future__ import annotations

from powerdown.windows.facts.fact import Fact, Status

FORCED_STOP_EVENTS = Fact(
    "forced-stop-events",
    "QMP `quit` gives reason host-qmp-quit, `system_reset` gives `RESET` "
    "host-qmp-system-reset, SIGTERM host-signal; virDomainDestroy gives STOPPED/DESTROYED.",
    Status.DOCUMENTED,
    ("qemu:qapi/run-state.json", "libvirt"),
)

RECORD_41 = Fact(
    "record-41",
    "The next start records Kernel-Power 41 with BugcheckCode, SleepInProgress and "
    "PowerButtonTimestamp among its fields.",
    Status.DOCUMENTED,
    ("etw: Kernel-Power",),
)

RECORD_41_KILL = Fact(
    "record-41-kill",
    "After a loss of power BugcheckCode and PowerButtonTimestamp are 0, or there is only 6008.",
    Status.SEEN,
    ("sup: event-id-41-restart", "logs"),
)

RECORD_41_HELD_BUTTON = Fact(
    "record-41-held-button",
    "A held button leaves a PowerButtonTimestamp that is not 0.",
    Status.SEEN,
    ("sup: event-id-41-restart", "logs"),
)

RECORD_BUGCHECK = Fact(
    "record-bugcheck",
    "After a stop the next start records 1001 (WER-SystemErrorReporting) and 41 with its code; "
    "volmgr 46 says that no dump could be set up.",
    Status.DOCUMENTED,
    ("sup: event-id-41-restart",),
)

CRASH_LIKE_POWER_LOSS = Fact(
    "crash-like-power-loss",
    "A crash whose code could not be written leaves the same records as a loss of power.",
    Status.DOCUMENTED,
    ("sup: event-id-41-restart",),
)

NTFS_DIRTY_FLAG = Fact(
    "ntfs-dirty-flag",
    "MFT record 3, `$Volume`, attribute 0x70: flags at offset 0x0A, bit 0x0001 is dirty.",
    Status.DOCUMENTED,
    ("NTFS documentation of libfsntfs", "ColinFinck/ntfs"),
)

KILL_LEAVES_CLEAN = Fact(
    "kill-leaves-clean",
    "A plain kill often leaves the bit clear, and replay of `$LogFile` hides it from `fsutil` "
    "afterwards.",
    Status.UNCONFIRMED,
    ("administrators' reports",),
)

FSUTIL_DIRTY = Fact(
    "fsutil-dirty",
    "`fsutil dirty query C:` prints whether the volume is dirty, in words that are localised "
    "and vary.",
    Status.DOCUMENTED,
    ("srv: fsutil dirty",),
)

NEWEST_WRITES = Fact(
    "newest-writes",
    "After a hard stop the newest writes may be in a hive's .LOG1 and .LOG2 and in the "
    "volume's journal only.",
    Status.DOCUMENTED,
    ("msuhanov/regf", "NTFS documentation"),
)

FACTS = (
    FORCED_STOP_EVENTS,
    RECORD_41,
    RECORD_41_KILL,
    RECORD_41_HELD_BUTTON,
    RECORD_BUGCHECK,
    CRASH_LIKE_POWER_LOSS,
    NTFS_DIRTY_FLAG,
    KILL_LEAVES_CLEAN,
    FSUTIL_DIRTY,
    NEWEST_WRITES,
)
"""In the order of ``docs/windows-facts.md``."""
